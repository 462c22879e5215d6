"""Which student wins, measured and written down."""
