"""Peers of the comparison: each module is a program that runs in a virtual environment of its own."""
