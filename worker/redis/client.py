"""The client of redis-py for an address: one server, a service of Redis Sentinel, or a Redis Cluster."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import parse_url
from redis.retry import Retry

from worker import time_limits
from worker.configuration.redis_address import RedisAddress
from worker.redis.sentinels import Sentinels

PROTOCOL: Final = 2
"""RESP2 needs no HELLO, which servers before Redis 6 and some proxies refuse; nothing here needs RESP3."""

_OF_ONE_SERVER: Final = ("host", "port", "connection_class")
_LOGIN: Final = ("username", "password", "db", "client_name")


class RedisClient:
    """Makes the client of redis-py at the first use, and again after `drop`. Only one thread may use the object."""

    def __init__(self, address: RedisAddress, tls: Mapping[str, str]) -> None:
        """Prepare the client, without a connection. `tls`: the arguments of redis-py for certificates, by name."""
        self._address = address
        options: Mapping[str, Any] = parse_url(address.url)  # type: ignore[no-untyped-call]
        self._options = {
            "socket_timeout": time_limits.REDIS_ANSWER.seconds,
            "socket_connect_timeout": time_limits.REDIS_CONNECT.seconds,
            "decode_responses": True,
            "encoding_errors": "backslashreplace",  # a foreign field may be any bytes and must not raise
            "protocol": PROTOCOL,
            **tls,
            **options,
        }
        self._client: Any = None
        self._close: Callable[[], None] = lambda: None
        self._nodes = address.nodes

    def get(self) -> Any:
        """Return the client. Raises the errors of redis-py: a new client of a cluster asks for the cluster's nodes."""
        if self._client is None:
            match self._address.kind:
                case "server":
                    self._client = redis.Redis.from_pool(redis.ConnectionPool(**self._options))
                    self._close = self._client.close
                case "sentinel":
                    self._client, self._close = self._of_sentinel()
                case "cluster":
                    self._client = self._of_cluster()
                    self._close = self._client.close
        return self._client

    def transaction(self, key: str) -> Any:
        """Return a pipeline of MULTI and EXEC on the server that holds `key`."""
        client = self.get()
        if self._address.kind == "cluster":
            client = client.get_redis_connection(client.get_node_from_key(key))
        return client.pipeline(transaction=True)

    def drop(self) -> None:
        """Close every connection; the next command resolves the address again.

        After a failover an old connection may lead to a server that is not the master any more, for as long as the
        connection lives.
        """
        close, self._client, self._close = self._close, None, lambda: None
        close()

    def _of_sentinel(self) -> tuple[Any, Callable[[], None]]:
        """Return a client that asks the Sentinels for the master at each new connection, and how to close both."""
        options = self._options_for_many()
        for_sentinels = {name: value for name, value in options.items() if name not in _LOGIN}
        sentinel = Sentinels(  # type: ignore[no-untyped-call]
            list(self._address.nodes),
            sentinel_kwargs={**for_sentinels, **dict(self._address.sentinel_login)},
            **options,
        )
        client = sentinel.master_for(self._address.service)  # type: ignore[no-untyped-call]

        def close() -> None:
            for each in (client, *sentinel.sentinels):
                each.close()

        return client, close

    def _of_cluster(self) -> Any:
        """Return a client that follows the cluster's replies MOVED and ASK."""
        options = self._options_for_many()
        options.pop("db", None)  # a cluster has only database 0
        nodes: list[Any] = [ClusterNode(host, port) for host, port in self._nodes]  # type: ignore[no-untyped-call]
        client: Any = RedisCluster(startup_nodes=nodes, **options)
        # A later client also asks the nodes that this one has found: the nodes of the URL may have failed by then.
        found = tuple((node.host, node.port) for node in client.get_nodes())
        self._nodes = tuple(dict.fromkeys((*self._address.nodes, *found)))
        return client

    def _options_for_many(self) -> dict[str, Any]:
        """Return the options without those of one server, and without retries: the caller retries all commands."""
        options = {name: value for name, value in self._options.items() if name not in _OF_ONE_SERVER}
        return options | {"retry": Retry(NoBackoff(), 0)} | ({"ssl": True} if self._address.tls else {})
