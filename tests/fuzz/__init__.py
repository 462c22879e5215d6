"""Every file that Distune reads, damaged by chance: seeded, and bounded in time and memory."""
