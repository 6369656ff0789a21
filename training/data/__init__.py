"""Training data: splits of a data set, the rows that a run trains on, and texts changed to resemble raw tweets."""
