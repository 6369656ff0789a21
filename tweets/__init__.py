"""What a tweet is, everywhere in the project: records on the topics, data sets, labels, colours, scores.

Imports no other package of the project.
"""
