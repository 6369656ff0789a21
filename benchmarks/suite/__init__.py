"""`make bench`: this project beside what people would use instead, measured in interleaved rounds."""
