"""`python -m training evaluate`."""
