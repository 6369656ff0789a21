"""The one clock of the tests: seconds that move only when a test moves them."""


class Clock:
    """A function that returns `now_s`; each call moves the clock on by `step_s` first."""

    def __init__(self, now_s: float = 0.0, *, step_s: float = 0.0) -> None:
        self.now_s = now_s
        self._step_s = step_s

    def __call__(self) -> float:
        self.now_s += self._step_s
        return self.now_s
