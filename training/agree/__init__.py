"""The command `python -m training agree`."""
