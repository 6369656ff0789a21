"""`python -m training explore`."""
