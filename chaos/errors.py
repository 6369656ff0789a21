"""What stops a run before it can judge anything."""


class ChaosError(Exception):
    """A program is missing, an option is wrong, or a server does not start; the message is one line for the user."""
