"""Where it runs: connecting, placing work, sharing data. Nothing here knows what it runs."""
