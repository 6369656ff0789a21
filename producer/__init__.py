"""The replay producer: sends the tweets of a data set to a Kafka topic."""
