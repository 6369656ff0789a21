"""The command `python -m training evaluate`."""
