"""Teachers: loaded, trained, asked."""
