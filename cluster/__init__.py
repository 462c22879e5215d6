"""The cluster: connecting, placing work, sharing data. This folder does not know what it runs."""
