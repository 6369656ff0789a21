"""The Dockerfile, and a smoke test of the images."""
