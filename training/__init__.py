"""Make a model folder that the worker serves from a labelled data set: explore, train, evaluate, export."""
