"""The worker's Kafka clients: the only package that imports kafka-python."""
