"""The commands, from their parsed options, and the end of a command."""
