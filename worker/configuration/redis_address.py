"""The address in REDIS_URL: one server, a service of Redis Sentinel, or a Redis Cluster."""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from worker.configuration.redis_options import check_options

SCHEMES: Final = (
    "redis://",
    "rediss://",
    "unix://",
    "redis+sentinel://",
    "rediss+sentinel://",
    "redis+cluster://",
    "rediss+cluster://",
)

_DEFAULT_PORTS: Final = {"": 6379, "sentinel": 26379, "cluster": 6379}
_SENTINEL_LOGIN: Final = ("sentinel_username", "sentinel_password")
_LARGEST_PORT: Final = 65_535
_NOT_A_URL: Final = "is not a URL; write / # ? @ in the password as %2F %23 %3F %40"
_DATABASE_PATH: Final = re.compile(r"/?|/[0-9]{1,9}/?")


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
        parts = urlsplit(f"{plain}://{rest}")
        _check_parts(parts)
        login, at, hosts = parts.netloc.rpartition("@")
        nodes = _nodes(hosts, kind) if plain != "unix" else ()
    except ValueError:  # the text of this error may quote the URL, and so the password
        raise ValueError(_NOT_A_URL) from None
    check_options(parts.query, kind=kind or "server", tls=plain == "rediss")
    first = f"{plain}://{login}{at}{hosts.split(',')[0]}"
    match kind:
        case "cluster":
            if parts.path not in ("", "/", "/0"):
                raise ValueError("a Redis Cluster has only database 0: leave out the database number")
            return RedisAddress("cluster", f"{first}/?{parts.query}", nodes)
        case "sentinel":
            service, database = _service(parts.path)
            query, sentinel_login = _split_query(parts.query)
            return RedisAddress("sentinel", f"{first}/{database}?{query}", nodes, service, sentinel_login)
    if plain != "unix" and not _DATABASE_PATH.fullmatch(parts.path):
        raise ValueError("must end with /database, where the database is a number")
    return RedisAddress("server", url, nodes)


def _check_parts(parts: SplitResult) -> None:
    """Raise ValueError if a part has what only a password that is not encoded leaves there, or what no socket takes."""
    _ = parts.port if "," not in parts.netloc else None
    if parts.fragment or "@" in parts.query or (parts.scheme != "unix" and "@" in parts.path):
        raise ValueError
    if any("\0" in unquote(part) for part in parts):
        raise ValueError
    "".join(parts).encode()  # the environment may have bytes that are not UTF-8


def _service(path: str) -> tuple[str, str]:
    """Return the name of the service of Redis Sentinel, and the number of the database."""
    names = [unquote(part) for part in path.strip("/").split("/") if part]
    if not names:
        raise ValueError("names no service of Redis Sentinel: redis+sentinel://host:port,host:port/service/database")
    if len(names) > 2 or (len(names) == 2 and not _DATABASE_PATH.fullmatch(f"/{names[1]}")):
        raise ValueError("must end with /service/database, where the database is a number")
    return names[0], names[1] if len(names) == 2 else "0"


def _nodes(hosts: str, kind: str) -> tuple[tuple[str, int], ...]:
    if not kind:  # redis://:6380 is a port of this machine
        hosts = f"localhost{hosts}" if hosts.startswith(":") or not hosts else hosts
        return (_node(hosts, _DEFAULT_PORTS[kind]),)
    return tuple(_node(each, _DEFAULT_PORTS[kind]) for each in hosts.split(","))


def _node(text: str, default_port: int) -> tuple[str, int]:
    host, port = text, ""
    if not text.endswith("]"):  # an IPv6 address in brackets without a port
        host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port else default_port
    if not host or not 0 < number <= _LARGEST_PORT:
        raise ValueError("not host:port")
    host.encode("idna")  # what a look-up of the name does: a label has at most 63 characters
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
