"""The command `python -m training average`."""
