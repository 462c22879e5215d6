"""What makes a trained student smaller, one file for each."""
