"""The command `python -m training tune`."""
