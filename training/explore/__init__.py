"""The command `python -m training explore`."""
