"""`python -m training average`."""
