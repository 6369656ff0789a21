"""Measure predictions: scores, calibration, bootstrap intervals, and the paired comparison of two models."""
