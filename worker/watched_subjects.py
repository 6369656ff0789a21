"""The tweet topics of TOPICS_FILE: read at the start, and again when the file changes, in the worker's own thread."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tweets.subjects import SubjectMatcher
from tweets.subjects_file import SubjectsFileError, read_subjects
from worker import time_limits
from worker.errors import ExitCode, FatalError
from worker.process.metrics import Metrics

log = logging.getLogger(__name__)

Find = Callable[[str], tuple[str, ...]]
"""Returns the names of the subjects of a text."""

_Stamp = tuple[int, int, int] | None
"""Time of the last change, size and inode; None for a file that is not there."""


class WatchedSubjects:
    """The subjects that count now. Not for several threads."""

    def __init__(self, path: Path | None, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file; None is a worker without tweet topics. Raises FatalError for a file that cannot be used."""
        self._path = path
        self._metrics = metrics
        self._clock = clock
        self._emotions: Sequence[str] = ()
        self._callbacks: list[Callable[[tuple[str, ...]], None]] = []
        self._matcher = SubjectMatcher([])
        self._looked_at_s = clock()
        self._read_stamp = self._seen_stamp = self._stamp()
        self._reported: str | None = None
        """The last error that the log has, while the file cannot be used."""
        metrics.topics_file_ok.set(1)
        if path is not None:
            try:
                self._matcher = read_subjects(path)
            except SubjectsFileError as error:
                raise FatalError(f"TOPICS_FILE={error}", ExitCode.SETTINGS) from None
            log.info("%d tweet topics in %s: %s", len(self.names()), path, ", ".join(self.names()) or "none")

    def names(self) -> tuple[str, ...]:
        """Return the names of the subjects, in the order of the file."""
        return self._matcher.names

    @property
    def find(self) -> Find | None:
        """What finds the subjects of a text; None without subjects, so that no text is looked at."""
        return self._matcher.find if self._matcher.names else None

    def on_change(self, callback: Callable[[tuple[str, ...]], None]) -> None:
        """Call `callback` with all names after names were added or removed; it must return at once."""
        self._callbacks.append(callback)

    def show_zeros(self, emotions: Sequence[str]) -> None:
        """Create the series of each subject and emotion, so that rates see the first tweet; later of new subjects."""
        self._emotions = emotions
        self._metrics.show_subjects(self.names(), emotions)

    def reread(self) -> None:
        """Read a changed file once two looks find the same one: a file that still changes is being written.

        A file that cannot be used is logged, and changes nothing.
        """
        if self._path is None or self._clock() - self._looked_at_s < time_limits.TOPICS_FILE_LOOK.seconds:
            return
        self._looked_at_s = self._clock()
        stamp, seen = self._stamp(), self._seen_stamp
        self._seen_stamp = stamp
        if stamp == self._read_stamp or stamp != seen:
            return
        self._read_stamp = stamp
        try:
            matcher = read_subjects(self._path)
        except SubjectsFileError as error:
            self._refuse(str(error))
        else:
            self._take(matcher, self._path)

    def _refuse(self, error: str) -> None:
        self._metrics.topics_file_ok.set(0)
        if error != self._reported:
            log.error("TOPICS_FILE=%s; the worker keeps the previous tweet topics", error)
        self._reported = error

    def _take(self, matcher: SubjectMatcher, path: Path) -> None:
        before, self._matcher = self._matcher, matcher
        added = [name for name in matcher.names if name not in before.names]
        removed = [name for name in before.names if name not in matcher.names]
        terms = dict(before.subjects)
        changed = [name for name, new in matcher.subjects if name not in added and new != terms[name]]
        if added or removed or changed or self._reported is not None:
            kinds = {"added": added, "removed": removed, "with other terms": changed}
            changes = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)
            log.info("%d tweet topics in %s; %s", len(matcher.names), path, changes or "none has changed")
        self._reported = None
        self._metrics.topics_file_ok.set(1)
        self._metrics.forget_subjects(removed, self._emotions)
        self._metrics.show_subjects(added, self._emotions)
        if added or removed:
            for callback in self._callbacks:
                callback(matcher.names)

    def _stamp(self) -> _Stamp:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
