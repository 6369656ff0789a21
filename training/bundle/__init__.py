"""The command `python -m training bundle`, which `make train` runs."""
