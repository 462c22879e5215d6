"""What lies where in the storage, and what is known of a search."""
