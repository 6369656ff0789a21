"""What goes wrong through no fault of the program."""


class TrainingError(Exception):
    """Training cannot go on; the message is one line that names the thing and what to do."""
