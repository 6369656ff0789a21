"""One redis-server."""

import shutil
from pathlib import Path
from typing import Any, Final

import redis

from chaos.errors import ChaosError
from chaos.servers.children import start_child
from chaos.servers.ports import server_ports
from chaos.servers.waiting import wait_until
from deploy.local.embedded import redis_answers
from deploy.local.ports import LOOPBACK

_START_S: Final = 20.0
_END_S: Final = 5.0
_ANSWER_S: Final = 5.0


class RedisServer:
    """A redis-server without persistence on a port of its own; `options` are those of its command line.

    It starts with the data of `snapshot`, a file that `save` wrote, or empty.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        config: str = 'save ""\n',
        port: int | None = None,
        snapshot: Path | None = None,
    ) -> None:
        self.port = server_ports(1)[0] if port is None else port
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        name = f"redis-{self.port}"
        self._saved = folder / f"{name}.rdb"
        self._saved.unlink(missing_ok=True)
        if snapshot is not None:
            shutil.copyfile(snapshot, self._saved)
        written = folder / f"{name}.conf"
        settings = f"port {self.port}\nbind {LOOPBACK}\ndir {folder}\ndbfilename {self._saved.name}\n{config}"
        written.write_text(settings, encoding="utf-8")
        log = folder / f"{name}.log"
        self.child = start_child(name, ["redis-server", str(written), *options], log=log, stop_s=_END_S)
        wait_until(self._answers, _START_S, f"redis-server answers (log: {log})")

    def client(self) -> Any:
        """Return a client without the project's code."""
        return redis.Redis(host=LOOPBACK, port=self.port, decode_responses=True, protocol=2, socket_timeout=_ANSWER_S)

    def save(self, snapshot: Path) -> None:
        """Write the present data into a file."""
        with self.client() as client:
            wait_until(lambda: _saved(client), _ANSWER_S, "redis-server has saved its data")
        shutil.copyfile(self._saved, snapshot)

    def stop(self) -> None:
        """End the server with SIGKILL."""
        self.child.kill()
        wait_until(lambda: self.child.exit_code is not None, _END_S, "redis-server has ended")

    def _answers(self) -> bool:
        if self.child.exit_code is not None:
            raise ChaosError(f"redis-server ended with exit code {self.child.exit_code} (log: {self.child.log})")
        return redis_answers(self.port)


def _saved(client: Any) -> bool:
    try:
        client.save()
    except redis.ResponseError:  # the server is writing a copy for a replica
        return False
    return True
