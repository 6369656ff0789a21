"""A Redis that fails and loses data: a master and a replica behind one address."""

from pathlib import Path
from typing import Any, Final

from chaos.errors import ChaosError
from chaos.servers.proxy import Proxies
from chaos.servers.redis_server import RedisServer
from chaos.servers.waiting import became_true, wait_until
from deploy.local.ports import LOOPBACK

_FOLLOWS_S: Final = 30.0
_LACKS_S: Final = 10.0
"""Within this a worker under load writes to Redis."""

_CONFIG: Final = 'save ""\nrepl-diskless-sync-delay 0\n'
_NO_SERVER: Final = (LOOPBACK, "1")
"""A master that no server has: its replica takes no writes, and keeps its data."""


class RedisServers:
    """Redis behind the address `url`. Every start is empty, unless data of `save_snapshot` are restored."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._snapshot = folder / "snapshot.rdb"
        self._snapshot.unlink(missing_ok=True)
        self._started: list[RedisServer] = []
        self._proxies = Proxies(folder / "proxies.log")
        try:
            self._master = self._start()
            self._replica = self._start(follows=self._master)
        except ChaosError:
            self.close()
            raise
        self._proxy = self._proxies.open(self._master.port)
        self.url = f"redis://{LOOPBACK}:{self._proxy.port}/0"

    def client(self) -> Any:
        """Return a client of the present master, for the verifier."""
        return self._master.client()

    def close(self) -> None:
        """End all servers with SIGKILL."""
        for server in self._started:
            server.stop()
        self._proxies.close()

    def kill(self) -> None:
        """End the master with SIGKILL."""
        self._master.stop()

    def restart(self) -> None:
        """Start the killed master again, without data; the replica loses its data, too."""
        self._master = self._start(port=self._master.port)

    def freeze(self) -> None:
        """Let the master stand still: connections stay open and get no answer."""
        self._master.child.freeze()

    def thaw(self) -> None:
        """Continue the frozen master."""
        self._master.child.thaw()

    def wipe(self) -> None:
        """Delete everything."""
        with self.client() as client:
            client.flushall()

    def save_snapshot(self) -> None:
        """Save the present data for `restore_snapshot`."""
        self._master.save(self._snapshot)

    def restore_snapshot(self) -> None:
        """Kill the master and start it with the data of `save_snapshot`."""
        if not self._snapshot.exists():
            raise ChaosError("there is no snapshot of Redis: save_snapshot was not called")
        self._master.stop()
        self._master = self._start(port=self._master.port, snapshot=self._snapshot)

    def fail_over(self) -> int:
        """Kill the master, and put the replica, which lacks the last writes, in its place.

        Return how many bytes of the master's stream of writes the replica lacks: 0 if no client wrote for some seconds.
        """
        with self.client() as master, self._replica.client() as replica:
            written = _position(master)
            wait_until(lambda: _has(replica, master, written), _FOLLOWS_S, "the Redis replica has the earlier writes")
            replica.execute_command("REPLICAOF", "NO", "ONE")
            has = _position(replica)
            became_true(lambda: _position(master) > has, _LACKS_S)
            lacks = _position(master) - has
        self._proxy.target_port = self._replica.port
        self._master.stop()
        self._master = self._replica
        self._replica = self._start(follows=self._master)
        return lacks

    def refuse_writes(self, on: bool) -> None:
        """Answer READONLY to every write, as a master does that was demoted."""
        with self.client() as client:
            client.execute_command("REPLICAOF", *(_NO_SERVER if on else ("NO", "ONE")))

    def out_of_memory(self, on: bool) -> None:
        """Answer OOM to every write that needs memory."""
        with self.client() as client:
            client.config_set("maxmemory", 1 if on else 0)

    def refuse_command(self, name: str, on: bool) -> None:
        """Answer NOPERM to a command: a script that uses the command fails there, after its earlier writes."""
        with self.client() as client:
            client.execute_command("ACL", "SETUSER", "default", f"{'-' if on else '+'}{name.lower()}")

    def cut(self) -> None:
        """Lose every packet between Redis and its clients."""
        self._proxy.cut()

    def reconnect(self) -> None:
        """Let packets pass again; the connections that lost bytes are closed."""
        self._proxy.restore()

    def _start(
        self, *, port: int | None = None, snapshot: Path | None = None, follows: RedisServer | None = None
    ) -> RedisServer:
        options = () if follows is None else ("--replicaof", LOOPBACK, str(follows.port))
        server = RedisServer(self._folder, *options, config=_CONFIG, port=port, snapshot=snapshot)
        self._started.append(server)
        return server


def _has(replica: Any, master: Any, position: int) -> bool:
    """Return whether a replica follows this master, and has what was written before the position."""
    link, source = replica.info("replication"), master.info("replication")
    follows = link.get("master_link_status") == "up" and link["master_replid"] == source["master_replid"]
    return follows and int(link["master_repl_offset"]) >= position


def _position(client: Any) -> int:
    """Return the position in the stream of writes that a master sends to its replicas."""
    return int(client.info("replication")["master_repl_offset"])
