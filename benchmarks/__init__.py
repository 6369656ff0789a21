"""Benchmarks; the last line of each is one JSON object with the arguments, the machine and the results."""
