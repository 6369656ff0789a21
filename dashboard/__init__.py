"""The live page: what the stream does now, and a box to try a tweet; it reads, and the stream does not know it."""
