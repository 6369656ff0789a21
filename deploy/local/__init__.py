"""The whole system on one machine without containers: embedded Kafka and Redis, a worker, a replay."""
