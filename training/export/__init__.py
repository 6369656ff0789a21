"""`python -m training export`."""
