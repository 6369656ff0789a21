"""What `worker.settings` is made of: groups of settings, the address of Redis, files of secrets and certificates."""
