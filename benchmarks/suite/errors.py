"""Why a measurement is not made; each text is one line for the user."""


class BenchmarkError(Exception):
    """The benchmark cannot continue: a wrong option, a server that does not start, or this project's own failure."""


class SkippedError(Exception):
    """One peer cannot be measured; the benchmark names the reason and continues without the peer."""
