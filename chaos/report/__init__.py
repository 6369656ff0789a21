"""What a run leaves for people: progress, a table, a picture."""
