"""From a labelled data set to a model folder that the worker serves."""
