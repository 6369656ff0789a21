"""`python -m worker dead-letters`: lists, shows and replays what the workers could not label."""
