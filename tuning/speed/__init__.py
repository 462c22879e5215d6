"""How many milliseconds an answer takes."""
