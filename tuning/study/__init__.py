"""The study file, its space, its faults."""
