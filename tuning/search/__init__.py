"""Trials proposed, run and followed."""
