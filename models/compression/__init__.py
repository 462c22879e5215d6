"""The compressions of a trained student, one file for each."""
