"""`python -m training tune`."""
