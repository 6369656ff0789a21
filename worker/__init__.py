"""The emotion-stream worker: tweets in, labelled tweets out, exactly once."""
