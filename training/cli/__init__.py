"""The command line: options, and which room carries out which command."""
