"""The command `python -m training train`."""
