"""The replay producer: feeds a data set of tweets to a Kafka topic."""
