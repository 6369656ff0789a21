"""What the errors of Redis mean, in one line that names the command or the key and says what to do."""

import re
from typing import Final

import redis
from redis.exceptions import (
    AskError,
    ClusterCrossSlotError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)
from redis.sentinel import MasterNotFoundError

from worker.configuration.redis_address import RedisAddress
from worker.errors import TransientError
from worker.redis.connection_errors import failure

CLIENT_ERRORS: Final = (redis.RedisError, RedisClusterException, OSError)
"""Everything that redis-py raises when Redis fails; OSError: the look-up of a name of a cluster's node."""

_NO_PERMISSION: Final = re.compile(r"NOPERM|no permissions|can't run this command|can't access|ACL failure", re.I)
_NO_KEY_PERMISSION: Final = re.compile(r"access (a|one of the|at least one of the) keys?\b", re.I)
_QUOTED_COMMAND: Final = re.compile(r"'([a-z]+(?:\|[a-z]+)?)' command", re.I)
_SCRIPT_COMMAND: Final = re.compile(r"\[(?P<command>[A-Z]+) (?P<key>.+)\]")
_SCRIPT_PLACE: Final = re.compile(r"^(ERR )?(@?user_script: ?\d+: )+| script: [0-9a-f]{40}, on @user_script:\d+\.$")
"""Where in a script an error was raised, which Redis 7 writes before and after the error."""

_PIPELINE_COMMAND: Final = re.compile(r"^Command # \d+ \((?P<command>[A-Z]+) (?P<key>.+)\) of pipeline caused error: ")
_UNKNOWN_COMMAND: Final = re.compile(r"unknown (redis )?command", re.I)
_OTHER_SLOTS: Final = re.compile(r"same (key )?slot")
OTHER_GROUP: Final = "OTHERGROUP "
"""Beginning of the publish script's own error, followed by the name of the other consumer group."""

_CLUSTER_REPLIES: Final = (AskError, ClusterDownError, TryAgainError)
"""Replies that only a node of a Redis Cluster gives: MOVED, ASK, CLUSTERDOWN, TRYAGAIN. redis-py hides the words."""


class CountsStoreError(TransientError):
    """Redis did not answer in time, or answered with an error. `refused`: Redis answered, and a retry cannot help."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class WrongKeyError(CountsStoreError):
    """One key is not a hash; the other keys can be used."""

    def __init__(self, message: str) -> None:
        super().__init__(message, refused=True)


def translated(error: BaseException, address: RedisAddress, *, prefix: str, certificate: bool) -> CountsStoreError:
    """Return the error to raise instead of redis-py's `error`.

    `prefix` is that of the store's keys; `certificate`: a client certificate is set.
    """
    name, cluster = type(error).__name__, address.kind == "cluster"
    if isinstance(error, redis.AuthenticationError):
        return CountsStoreError(f"{name}: Redis refuses the login, check user and password in REDIS_URL", refused=True)
    if isinstance(error, MasterNotFoundError):
        return _no_master(error, address, certificate=certificate)
    if isinstance(error, ClusterCrossSlotError) or (cluster and _OTHER_SLOTS.search(str(error))):
        return CountsStoreError(
            f"{name}: REDIS_KEY_PREFIX={prefix}: braces are missing, so the keys are in different slots of the Redis "
            f"Cluster; write {{{prefix}}}",
            refused=True,
        )
    if isinstance(error, RedisClusterException):
        return _no_cluster(error, address, certificate=certificate)
    if isinstance(error, redis.ResponseError):
        return _of_reply(error, prefix=prefix, cluster=cluster)
    return CountsStoreError(f"{name}: {failure(error, address, certificate=certificate)}")


def _no_master(error: MasterNotFoundError, address: RedisAddress, *, certificate: bool) -> CountsStoreError:
    name, cause = type(error).__name__, error.__cause__
    if isinstance(cause, redis.AuthenticationError):
        return CountsStoreError(
            f"{name}: a Sentinel refuses the login, check sentinel_username and sentinel_password in REDIS_URL",
            refused=True,
        )
    why = "" if cause is None else f" ({failure(cause, address, certificate=certificate)})"
    return CountsStoreError(f"{name}: no Sentinel in REDIS_URL knows a reachable master of the service{why}")


def _no_cluster(error: RedisClusterException, address: RedisAddress, *, certificate: bool) -> CountsStoreError:
    name, cause = type(error).__name__, error.__cause__
    if isinstance(cause, redis.AuthenticationError):
        return CountsStoreError(f"{name}: Redis refuses the login, check user and password in REDIS_URL", refused=True)
    if isinstance(cause, redis.ConnectionError | redis.TimeoutError | OSError):
        return CountsStoreError(
            f"{name}: no node in REDIS_URL can be reached ({failure(cause, address, certificate=certificate)})"
        )
    return CountsStoreError(
        f"{name}: no node in REDIS_URL answers as a complete Redis Cluster; a user with "
        "an ACL needs +cluster|slots +command"
    )


def _of_reply(error: redis.ResponseError, *, prefix: str, cluster: bool) -> CountsStoreError:
    name, text = type(error).__name__, _SCRIPT_PLACE.sub("", str(error))
    if text.startswith(OTHER_GROUP):
        return CountsStoreError(_other_group(text.removeprefix(OTHER_GROUP).strip(), prefix), refused=True)
    if "WRONGTYPE" in text:
        return WrongKeyError(f"{name}: {_wrong_key(text, prefix)}")
    refusal = _refusal(text, prefix, denied=isinstance(error, NoPermissionError))
    if refusal is not None:
        return CountsStoreError(f"{name}: {refusal}", refused=True)
    if not cluster and isinstance(error, _CLUSTER_REPLIES) and not isinstance(error, MasterDownError):
        text = "the server in REDIS_URL is a node of a Redis Cluster; write redis+cluster://host:port"
    elif isinstance(error, ReadOnlyError) or text.startswith("READONLY"):
        text = (
            "READONLY: the server in REDIS_URL is a replica; the next attempt connects again, and follows a failover "
            "if the address leads to the master"
        )
    return CountsStoreError(f"{name}: {text}")


def _other_group(group: str, prefix: str) -> str:
    return (
        f"REDIS_KEY_PREFIX={prefix}: Redis has counts of the consumer group {group} under this prefix, and the totals "
        f"would be the sum of both groups; set another REDIS_KEY_PREFIX, or delete the keys {prefix}:* if the group is "
        "not used any more"
    )


def _wrong_key(text: str, prefix: str) -> str:
    found = _SCRIPT_COMMAND.search(text) or _PIPELINE_COMMAND.search(text)
    return (
        f"WRONGTYPE: the key {found['key'] if found else prefix} is not a hash, so another program has written it; "
        "delete or rename the key, or set another REDIS_KEY_PREFIX"
    )


def _refusal(text: str, prefix: str, *, denied: bool) -> str | None:
    """Return what is refused and what to do; None if the reply refuses nothing for good."""
    found = _SCRIPT_COMMAND.search(text) or _PIPELINE_COMMAND.search(text)
    command = found["command"] if found else ""
    if _NO_KEY_PERMISSION.search(text):
        return f"the user in REDIS_URL may not use the keys {prefix}:*; grant the keys: ACL SETUSER <user> ~{prefix}:*"
    if denied or _NO_PERMISSION.search(text):
        quoted = _QUOTED_COMMAND.search(text)
        missing = (quoted[1] if quoted else command) or "@hash"
        return (
            f"the user in REDIS_URL may not run {missing.upper()}; grant the command: ACL SETUSER <user> "
            f"+{missing.lower()} (all commands: docs/reference.md, Permissions)"
        )
    if "HELLO" in text.upper() or "NOPROTO" in text:
        return f"{text}: the server does not know RESP3; write ?protocol=2 in REDIS_URL"
    if _UNKNOWN_COMMAND.search(text):
        return (
            f"{text}: the server in REDIS_URL lacks the command; if the server is a Sentinel, write "
            "redis+sentinel://host:port/service"
        )
    return None
