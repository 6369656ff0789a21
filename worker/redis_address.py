"""The address in REDIS_URL: one server, a service of Redis Sentinel, or a Redis Cluster."""

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

SCHEMES: Final = (
    "redis://",
    "rediss://",
    "unix://",
    "redis+sentinel://",
    "rediss+sentinel://",
    "redis+cluster://",
    "rediss+cluster://",
)

_DEFAULT_PORTS: Final = {"sentinel": 26379, "cluster": 6379}
_SENTINEL_LOGIN: Final = ("sentinel_username", "sentinel_password")
_LARGEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, repr=False)
class RedisAddress:
    """Where Redis is. `url` is an address of one server with login, database and options; `nodes` is host and port.

    The login of `url` is for the servers of Redis; `sentinel_login` is for the Sentinels, by the names of redis-py.
    """

    kind: Literal["server", "sentinel", "cluster"]
    url: str
    nodes: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_login: tuple[tuple[str, str], ...] = ()

    @property
    def tls(self) -> bool:
        """Whether the connections use TLS."""
        return self.url.startswith("rediss://")


def parse_redis_url(url: str) -> RedisAddress:
    """Return the address in a URL. Raises ValueError, whose text does not contain the URL, and so no password."""
    if not url.startswith(SCHEMES):
        raise ValueError(f"must begin with {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}")
    scheme, _, rest = url.partition("://")
    plain, _, kind = scheme.partition("+")
    try:
        if not kind:
            _ = urlsplit(url).port
            return RedisAddress("server", url)
        parts = urlsplit(f"{plain}://{rest}")
        login, at, hosts = parts.netloc.rpartition("@")
        nodes = tuple(_node(each, _DEFAULT_PORTS[kind]) for each in hosts.split(","))
    except ValueError:  # the text of this error may quote the URL, and so the password
        raise ValueError("is not a URL; write / # ? @ in the password as %2F %23 %3F %40") from None
    path = [unquote(part) for part in parts.path.strip("/").split("/") if part]
    first = f"{plain}://{login}{at}{hosts.split(',')[0]}"
    if kind == "cluster":
        if path not in ([], ["0"]):
            raise ValueError("a Redis Cluster has only database 0: leave out the database number")
        return RedisAddress("cluster", f"{first}/?{parts.query}", nodes)
    if not path:
        raise ValueError("names no service of Redis Sentinel: redis+sentinel://host:port,host:port/service/database")
    if len(path) > 2 or (len(path) == 2 and not path[1].isdecimal()):
        raise ValueError("must end with /service/database, where the database is a number")
    query, sentinel_login = _split_query(parts.query)
    database = path[1] if len(path) == 2 else "0"
    return RedisAddress("sentinel", f"{first}/{database}?{query}", nodes, path[0], sentinel_login)


def _node(text: str, default_port: int) -> tuple[str, int]:
    host, port = text, ""
    if not text.endswith("]"):  # an IPv6 address in brackets without a port
        host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port else default_port
    if not host or not 0 < number <= _LARGEST_PORT:
        raise ValueError("not host:port")
    return host, number


def _split_query(query: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the options for the servers of Redis, and the login for the Sentinels."""
    options, login = [], []
    for option in query.split("&"):
        name, _, value = option.partition("=")
        if name in _SENTINEL_LOGIN:
            login.append((name.removeprefix("sentinel_"), unquote(value)))
        else:
            options.append(option)
    return "&".join(options), tuple(login)
