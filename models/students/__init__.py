"""The student families, one file for each."""
