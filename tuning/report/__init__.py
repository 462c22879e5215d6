"""What people read of a search."""
