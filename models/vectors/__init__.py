"""Word vectors: trained, and read from files."""
