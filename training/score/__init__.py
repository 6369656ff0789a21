"""How good predictions are: scores, calibration, intervals, and two models compared on the same rows."""
