"""The command `python -m training export`."""
