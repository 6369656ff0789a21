"""The common ground of all packages: records on the topics, data sets, labels, colours, scores.

This package imports no other package of the project.
"""
