"""Every few seconds: keep the state of the run on disk, then delete the records that are verified."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from chaos.errors import ChaosError
from chaos.part import Part

_EVERY_S: Final = 10.0


class Keeper(Part):
    """A thread of its own: while brokers are disturbed, a deletion may wait for half a minute."""

    def __init__(self, save: Callable[[], None], trim: Callable[[], None]) -> None:
        super().__init__("keeper")
        self._save = save
        self._trim = trim

    def _work(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self._save()
            with suppress(ChaosError):  # the next time deletes more
                self._trim()
