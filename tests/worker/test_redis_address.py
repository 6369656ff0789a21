"""The forms of REDIS_URL: one server, Sentinel and Cluster; what is wrong is one line without the password."""

import pytest

from worker.errors import ExitCode
from worker.redis.store import CountsStore
from worker.redis_address import RedisAddress, parse_redis_url
from worker.settings import Settings, SettingsError, load_settings


@pytest.mark.parametrize(
    "url",
    ["redis://localhost:6379/0", "rediss://user:hunter2@h/1?ssl_cert_reqs=none", "unix:///run/redis.sock?db=2"],
)
def test_the_address_of_one_server_is_left_as_it_is(url: str) -> None:
    assert parse_redis_url(url) == RedisAddress("server", url)


def test_the_address_of_a_service_of_sentinel() -> None:
    url = "rediss+sentinel://user:p%40ss@a,b:1234,[::1]:5,[::2]/my%20counts/3?sentinel_password=h%2Fsh&client_name=x"
    address = parse_redis_url(url)
    assert address.nodes == (("a", 26379), ("b", 1234), ("::1", 5), ("::2", 26379))
    assert (address.kind, address.service, address.tls) == ("sentinel", "my counts", True)
    assert address.url == "rediss://user:p%40ss@a/3?client_name=x"
    assert address.sentinel_login == (("password", "h/sh"),)
    assert "ss" not in repr(address).removeprefix("<worker.redis_address.RedisAddress")


def test_the_address_of_a_cluster() -> None:
    for end in ("", "/", "/0"):
        address = parse_redis_url(f"redis+cluster://:secret@a:1,b{end}")
        assert (address.kind, address.nodes, address.tls) == ("cluster", (("a", 1), ("b", 6379)), False)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("http://a", "must begin with redis://"),
        ("redis+other://a", "must begin with redis://"),
        ("redis+sentinel://:hunter2@a:1", "names no service"),
        ("redis+sentinel://:hunter2@a:1/", "names no service"),
        ("redis+sentinel://:hunter2@a:1/service/x", "the database is a number"),
        ("redis+sentinel://:hunter2@a:1/service/1/2", "the database is a number"),
        ("redis+sentinel://:hunter2@a:x/service", "is not a URL"),
        ("redis+sentinel://:hunter2@a:1,,b/service", "is not a URL"),
        ("redis+sentinel://:hunter2@/service", "is not a URL"),
        ("redis+sentinel://:hunter2@a:0/service", "is not a URL"),
        ("redis+cluster://:hunter2@a:99999", "is not a URL"),
        ("redis+cluster://:hunter2@a/1", "only database 0"),
        ("redis+cluster://:hunter2@[a", "is not a URL"),
    ],
)
def test_a_wrong_address_is_refused_in_one_line_without_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str, line: str
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith("REDIS_URL=(hidden): ")
    assert line in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code is ExitCode.SETTINGS


@pytest.mark.parametrize("prefix", ["emotion", "a{}b", "{", "}a{", "a}{"])
def test_a_prefix_without_a_hash_tag_is_refused_with_a_cluster_only(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("REDIS_KEY_PREFIX", prefix)
    load_settings()
    monkeypatch.setenv("REDIS_URL", "redis+cluster://:hunter2@a:1")
    with pytest.raises(SettingsError, match=r"REDIS_KEY_PREFIX=.*braces") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    for right in ("{emotion}", "a{b}", "{b}a"):
        monkeypatch.setenv("REDIS_KEY_PREFIX", right)
        load_settings()


@pytest.mark.parametrize("kind", ["redis+sentinel://a:1/service", "redis+cluster://a:1"])
def test_a_store_opens_no_connection_before_its_first_use_and_refuses_options_that_are_not_valid(kind: str) -> None:
    CountsStore.of(Settings(_env_file=None, redis_url=kind)).close()
    with pytest.raises(Exception, match=r"^REDIS_URL=\(hidden\): is not a valid URL"):
        CountsStore.of(Settings(_env_file=None, redis_url=f"{kind}?nonsense=1"))
