"""The worker's clients of Kafka: the only place that imports kafka-python."""
