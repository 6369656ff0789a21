"""The forms of REDIS_URL: one server, Sentinel and Cluster; what is wrong is one line without the password."""

import re
from pathlib import Path

import pytest

from worker.__main__ import main
from worker.configuration.redis_address import RedisAddress, parse_redis_url
from worker.errors import ExitCode
from worker.redis.store import CountsStore, CountsStoreError
from worker.settings import Settings, SettingsError, load_settings


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis://localhost:6379/0", (("localhost", 6379),)),
        ("rediss://user:hunter2@h/1?ssl_cert_reqs=none", (("h", 6379),)),
        ("redis://", (("localhost", 6379),)),
        ("redis://:1234", (("localhost", 1234),)),
        ("redis://[::1]:5/", (("::1", 5),)),
        ("unix:///run/redis.sock?db=2", ()),
    ],
)
def test_the_address_of_one_server_is_left_as_it_is(url: str, nodes: tuple[tuple[str, int], ...]) -> None:
    assert parse_redis_url(url) == RedisAddress("server", url, nodes)


def test_the_address_of_a_service_of_sentinel() -> None:
    url = "rediss+sentinel://user:p%40ss@a,b:1234,[::1]:5,[::2]/my%20counts/3?sentinel_password=h%2Fsh&client_name=x"
    address = parse_redis_url(url)
    assert address.nodes == (("a", 26379), ("b", 1234), ("::1", 5), ("::2", 26379))
    assert (address.kind, address.service, address.tls) == ("sentinel", "my counts", True)
    assert address.url == "rediss://user:p%40ss@a/3?client_name=x"
    assert address.sentinel_login == (("password", "h/sh"),)
    assert "ss" not in repr(address).removeprefix("<worker.configuration.redis_address.RedisAddress")


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
        ("redis://:hunter2@a:0", "is not a URL"),
        ("redis://:hunter2@a:1_0", "is not a URL"),
        ("redis://:hunter2@" + 64 * "a", "is not a URL"),
        ("redis://:hunter2@a%00b:1", "is not a URL"),
        ("unix:///run/%00?password=hunter2", "is not a URL"),
        ("redis://:1?hunter2@a:6379/0", "is not a URL"),
        ("redis://:1#hunter2@a:6379/0", "is not a URL"),
        ("redis://:1/hunter2@a:6379/0", "is not a URL"),
        ("redis://:hunter2\udcff@a", ""),
        ("redis://:hunter2@a/x", "the database is a number"),
        ("redis://:hunter2@a/-1", "the database is a number"),
        ("redis://:hunter2@a/1/2", "the database is a number"),
        ("redis+sentinel://:hunter2@a:1/service/²", "the database is a number"),
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


KINDS = ("redis://:hunter2@a", "redis+sentinel://:hunter2@a/service", "redis+cluster://:hunter2@a")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("protocol=9", "the option protocol must be one of 2, 3"),
        ("protocol=hunter2", "the option protocol must be one of 2, 3"),
        ("protocol=", "the option protocol must be one of 2, 3"),
        ("protocol", "the option protocol must be one of 2, 3"),
        ("protocol=2&protocol=2", "the option protocol is given twice"),
        ("socket_timeout=hunter2", "the option socket_timeout must be seconds above 0, at most 60"),
        ("socket_timeout=nan", "the option socket_timeout must be"),
        ("socket_timeout=-1", "the option socket_timeout must be"),
        ("socket_connect_timeout=0", "the option socket_connect_timeout must be"),
        (f"socket_connect_timeout={'9' * 400}", "the option socket_connect_timeout must be"),
        ("health_check_interval=1.5", "the option health_check_interval must be whole seconds"),
        ("socket_keepalive=maybe", "the option socket_keepalive must be one of true, false"),
        ("client_name=two%20words", "the option client_name must be printable ASCII"),
        ("client_name=%0d%0aFLUSHALL", "the option client_name must be printable ASCII"),
        ("username=", "the option username must be text"),
        ("ssl_cert_reqs=none", "the option ssl_cert_reqs needs TLS"),
        ("ssl_ca_certs=/hunter2", "instead of the option ssl_ca_certs, set REDIS_SSL_CAFILE"),
        ("ssl_password=hunter2", "instead of the option ssl_password, set REDIS_SSL_KEY_PASSWORD"),
        ("nonsense=hunter2", "the option nonsense does not exist; the options are client_name, "),
        ("hunter2%20x=1", "has an option that does not exist; the options are "),
        ("event_dispatcher=1", "the option event_dispatcher does not exist"),
        ("maint_notifications_config=1", "the option maint_notifications_config does not exist"),
        ("connection_class=x", "the option connection_class does not exist"),
        ("encoding=hunter2", "the option encoding does not exist"),
        ("decode_responses=false", "the option decode_responses does not exist"),
        ("host=b", "the option host does not exist"),
        ("max_connections=0", "the option max_connections does not exist"),
        ("retry=1", "the option retry does not exist"),
    ],
)
@pytest.mark.parametrize("address", KINDS)
def test_an_option_that_is_unknown_or_has_a_wrong_value_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, address: str, options: str, line: str
) -> None:
    monkeypatch.setenv("REDIS_URL", f"{address}?{options}")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"REDIS_URL=(hidden): {line}")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://a?db=x", "db"),
        ("redis://a?db=-1", "db"),
        ("rediss://a?ssl_cert_reqs=always", "ssl_cert_reqs"),
        ("rediss://a?ssl_check_hostname=2", "ssl_check_hostname"),
        ("redis://a?sentinel_password=hunter2", "sentinel_password"),
        ("redis+sentinel://a/service?db=1", "db"),
        ("redis+cluster://a?db=0", "db"),
    ],
)
def test_an_option_of_another_kind_of_address_is_refused_by_name(url: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"the option {name} ") as caught:
        parse_redis_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("program", [[], ["verify"]], ids=str)
def test_every_program_ends_with_one_line_and_the_code_of_settings(
    program: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@localhost:1/0?protocol=9")
    assert main(program) == ExitCode.SETTINGS
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "worker: REDIS_URL=(hidden): the option protocol must be one of 2, 3"


ALLOWED = (
    "client_name=x&health_check_interval=30&username=a&password=b&protocol=3&socket_connect_timeout=0.1"
    "&socket_keepalive=true&socket_timeout=0.1"
)


@pytest.mark.parametrize(
    "address", ["redis://localhost:1/0", "redis+sentinel://localhost:1/s", "redis+cluster://localhost:1"]
)
@pytest.mark.parametrize("tls", ["", "&ssl_cert_reqs=none&ssl_check_hostname=false"])
def test_every_option_reaches_the_client_and_no_connection_is_opened_before_the_first_use(
    address: str, tls: str
) -> None:
    address = address.replace("redis", "rediss", 1) if tls else address
    store = CountsStore.of(Settings(_env_file=None, redis_url=f"{address}?{ALLOWED}{tls}"))
    with pytest.raises(CountsStoreError, match="connection refused"):
        store.snapshot()
    store.close()


def test_files_for_tls_need_tls_and_are_read_before_any_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(b"\xfe\xed\xfe\xed")
    for setting in ("REDIS_SSL_CAFILE", "REDIS_SSL_CERTFILE"):
        monkeypatch.setenv(setting, str(file))
        for url, line in (("redis://a", "needs TLS: write rediss"), ("rediss://a", "must be a PEM file")):
            monkeypatch.setenv("REDIS_URL", url)
            with pytest.raises(SettingsError, match=rf"^{setting}={re.escape(str(file))}: {line}") as caught:
                load_settings()
            assert caught.value.exit_code is ExitCode.SETTINGS
        monkeypatch.delenv(setting)
    monkeypatch.setenv("REDIS_SSL_KEYFILE", str(file))
    with pytest.raises(SettingsError, match="REDIS_SSL_CERTFILE"):
        load_settings()
