"""Fault injection: real servers that fail, real workers that die, and a verifier that reads along."""
