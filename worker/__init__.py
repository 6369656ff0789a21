"""The emotion-stream worker: reads tweets from Kafka, writes labelled tweets to Kafka, exactly once."""
