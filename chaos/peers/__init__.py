"""What people write instead of a worker, for the same faults: programs that read tweets and publish labels."""
