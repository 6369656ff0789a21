"""The counts in Redis: the only package that imports redis."""
