"""`python -m training explain`."""
