"""`python -m worker verify`: compares Kafka, Redis and a recount, explains differences and repairs Redis."""
