"""The options behind the question mark of REDIS_URL: which there are, and the values of each."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from worker import time_limits

_OPTION_NAME: Final = re.compile(r"[a-z_]{1,40}")


class _Option(NamedTuple):
    """`allowed` describes the values for the error line; an option with `tls` needs rediss://."""

    allowed: str
    valid: Callable[[str], bool]
    tls: bool = False


def _one_of(*words: str, tls: bool = False) -> _Option:
    return _Option(f"one of {', '.join(words)}", words.__contains__, tls)


def _matching(allowed: str, pattern: str) -> _Option:
    return _Option(allowed, lambda value: re.fullmatch(pattern, value) is not None)


def _is_timeout(value: str) -> bool:
    return (
        re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) is not None
        and 0 < float(value) <= time_limits.REDIS_TIMEOUT_IN_URL.seconds
    )


_TIMEOUT: Final = _Option(f"seconds above 0, at most {time_limits.REDIS_TIMEOUT_IN_URL.seconds:g}", _is_timeout)
_TEXT: Final = _matching("text", r"(?s).+")
_OPTIONS: Final = {
    "client_name": _matching("printable ASCII characters without spaces", r"[!-~]+"),
    "db": _matching("a whole number from 0", r"[0-9]{1,9}"),
    "health_check_interval": _matching("whole seconds, at most five digits", r"[0-9]{1,5}"),
    "password": _TEXT,
    "protocol": _one_of("2", "3"),
    "socket_connect_timeout": _TIMEOUT,
    "socket_keepalive": _one_of("true", "false"),
    "socket_timeout": _TIMEOUT,
    "ssl_cert_reqs": _one_of("none", "optional", "required", tls=True),
    "ssl_check_hostname": _one_of("true", "false", tls=True),
    "username": _TEXT,
}
_FOR_SENTINELS: Final = {"sentinel_username": _TEXT, "sentinel_password": _TEXT}
_SETTINGS: Final = {
    "ssl_ca_certs": "REDIS_SSL_CAFILE",
    "ssl_certfile": "REDIS_SSL_CERTFILE",
    "ssl_keyfile": "REDIS_SSL_KEYFILE",
    "ssl_password": "REDIS_SSL_KEY_PASSWORD",
}
"""Options of redis-py for which there is a setting."""


def check_options(query: str, *, kind: str, tls: bool) -> None:
    """Raise ValueError if a URL of this kind (`server`, `sentinel`, `cluster`) cannot have these options.

    The text names the option, and no value, because the value may be a password.
    """
    known = _OPTIONS | (_FOR_SENTINELS if kind == "sentinel" else {})
    if kind != "server":
        del known["db"]  # the path has the database of a service, and a cluster has only one
    seen = set()
    for name, value in parse_qsl(query, keep_blank_values=True):
        option = known.get(name)
        if option is None:
            raise ValueError(f"{_unknown(name)}; the options are {', '.join(known)}")
        if name in seen:
            raise ValueError(f"the option {name} is given twice")
        if option.tls and not tls:
            raise ValueError(f"the option {name} needs TLS: write rediss instead of redis")
        if not option.valid(value):
            raise ValueError(f"the option {name} must be {option.allowed}")
        seen.add(name)


def _unknown(name: str) -> str:
    if name in _SETTINGS:
        return f"instead of the option {name}, set {_SETTINGS[name]}"
    # A name that cannot be an option is not quoted: it may be the end of a password that contains a question mark.
    return f"the option {name} does not exist" if _OPTION_NAME.fullmatch(name) else "has an option that does not exist"
