"""The six emotions of the bundled model, and the label of tweets that show none of them."""

from typing import Final

EMOTIONS: Final = ("sadness", "joy", "love", "anger", "fear", "surprise")
"""The default labels, ids 0 to 5, in the order of the dair-ai/emotion data set."""

NEUTRAL: Final = "neutral"
"""The label of a tweet whose probability of neutral is above NEUTRAL_THRESHOLD; no output of the model's softmax."""
