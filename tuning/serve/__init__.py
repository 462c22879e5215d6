"""Answers of a student."""
