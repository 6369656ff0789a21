"""The command line of `python -m training`: the options of each command, and the function that runs the command."""
