"""The six emotions of the bundled model."""

from typing import Final

EMOTIONS: Final = ("sadness", "joy", "love", "anger", "fear", "surprise")
"""The default labels, ids 0 to 5, in the order of the dair-ai/emotion data set."""
