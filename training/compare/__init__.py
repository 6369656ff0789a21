"""`python -m training compare`."""
