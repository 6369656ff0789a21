"""Minutes, hours and days of event time: the state of a partition, its records on the checkpoint topic, a recount."""
