"""`python -m training train`."""
