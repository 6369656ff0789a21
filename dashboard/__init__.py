"""The live page: the state of the stream, and a form to classify a text. The page only reads from Kafka and Redis."""
