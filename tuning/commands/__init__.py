"""What each command does, from its parsed options, and how a command ends."""
