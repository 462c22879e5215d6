"""One student, trained from start to end."""
