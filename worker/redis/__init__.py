"""The counts in Redis: the only place that imports redis."""
