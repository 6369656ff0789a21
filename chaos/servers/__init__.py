"""Three Kafka brokers and two redis-servers that fail on demand, behind proxies that lose packets on demand."""
