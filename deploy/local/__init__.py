"""The whole stack on one machine without containers: embedded Kafka and Redis, a worker, the live page, a replay."""
