"""Data sets as training reads them: splits, what a run learns from, and texts shifted towards raw tweets."""
