"""The command `python -m training compare`."""
