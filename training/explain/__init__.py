"""The command `python -m training explain`."""
