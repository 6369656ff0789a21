"""What goes into the stream under test, and what must come out of it: the feeder and the verifier."""
