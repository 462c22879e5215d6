"""The layout of the storage, and the records of a search."""
