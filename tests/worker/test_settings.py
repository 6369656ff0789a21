"""The settings: where they are read from, and the errors of wrong values."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.settings import BUNDLED_MODEL, Settings, SettingsError, load_settings

_SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_USERNAME": "worker",
    "KAFKA_SASL_PASSWORD": "hunter2",
}

_OAUTH = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "OAUTHBEARER"}
_TOKEN_URL = _OAUTH | {
    "KAFKA_SASL_OAUTH_TOKEN_URL": "https://idp/token",
    "KAFKA_SASL_OAUTH_CLIENT_ID": "worker",
    "KAFKA_SASL_OAUTH_CLIENT_SECRET": "hunter2",
}
_SECRETS = ["KAFKA_SASL_PASSWORD", "KAFKA_SASL_OAUTH_CLIENT_SECRET", "KAFKA_SSL_KEY_PASSWORD", "REDIS_URL"]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the settings of this machine."""
    for name in Settings.model_fields:
        for variable in (name.upper(), f"{name.upper()}_FILE"):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def _loaded(monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str]) -> Settings:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def _refused(monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        _loaded(monkeypatch, env)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_defaults_are_those_of_the_contract() -> None:
    shown = {name: str(value) for name, value in load_settings() if value is not None}
    assert shown == {
        "kafka_bootstrap_servers": "localhost:9092",
        "kafka_group_id": "emotion-worker",
        "kafka_input_topic": "tweets",
        "kafka_output_topic": "tweets.emotions",
        "kafka_dead_letter_topic": "tweets.dead-letter",
        "kafka_checkpoint_topic": "tweets.checkpoints",
        "kafka_session_timeout_ms": "10000",
        "kafka_transaction_timeout_ms": "15000",
        "kafka_offset_metadata_max_bytes": "4096",
        "kafka_security_protocol": "PLAINTEXT",
        "kafka_sasl_mechanism": "SCRAM-SHA-512",
        "redis_url": "**********",
        "redis_key_prefix": "{emotion}",
        "model_path": str(BUNDLED_MODEL),
        "device": "auto",
        "batch_max_tweets": "4096",
        "batch_max_wait_ms": "50",
        "cache_max_tweets": "0",
        "tweet_max_chars": "10000",
        "metrics_host": "127.0.0.1",
        "metrics_port": "8000",
        "log_level": "INFO",
        "log_format": "text",
        "window_late_minutes": "60",
        "window_keep_hours": "48",
    }
    assert load_settings().redis_url.get_secret_value() == "redis://localhost:6379/0"


@pytest.mark.parametrize(("value", "tokens"), [("", None), ("16384", 16384)])
def test_an_empty_size_of_pass_leaves_the_size_to_the_engine(
    monkeypatch: pytest.MonkeyPatch, value: str, tokens: int | None
) -> None:
    assert _loaded(monkeypatch, {"BATCH_MAX_TOKENS": value}).batch_max_tokens == tokens


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost", "host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost:0", "host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost:99999", "host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1,,b:2", "host:port"),
        ("KAFKA_GROUP_ID", "a b", "pattern"),
        ("KAFKA_INPUT_TOPIC", "tweets!", "pattern"),
        ("KAFKA_OUTPUT_TOPIC", "x" * 250, "pattern"),
        ("KAFKA_DEAD_LETTER_TOPIC", "ä", "pattern"),
        ("KAFKA_SESSION_TIMEOUT_MS", "100", "must be more than 5000"),
        ("KAFKA_SESSION_TIMEOUT_MS", "10s", "valid integer"),
        ("KAFKA_TRANSACTION_TIMEOUT_MS", "9000000", "less than or equal to 900000"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS", "'SASL_SSL'"),
        ("KAFKA_SASL_MECHANISM", "GSSAPI", "'SCRAM-SHA-512'"),
        ("KAFKA_SSL_CAFILE", "/nowhere/ca.pem", "file that exists"),
        ("KAFKA_SSL_CERTFILE", "/nowhere/cert.pem", "file that exists"),
        ("KAFKA_SSL_KEYFILE", "/nowhere/key.pem", "file that exists"),
        ("KAFKA_SASL_OAUTH_TOKEN_FILE", "/nowhere/token", "file that exists"),
        ("WORKER_ID", "a/b", "pattern"),
        ("REDIS_KEY_PREFIX", "p" * 101, "at most 100"),
        ("DEVICE", "gpu", "'cuda'"),
        ("NEUTRAL_THRESHOLD", "-0.01", "greater than or equal to 0"),
        ("NEUTRAL_THRESHOLD", "1.01", "less than or equal to 1"),
        ("NEUTRAL_THRESHOLD", "nan", "finite number"),
        ("NEUTRAL_THRESHOLD", "inf", "finite number"),
        ("NEUTRAL_THRESHOLD", "90%", "valid number"),
        ("BATCH_MAX_TWEETS", "0", "greater than or equal to 1"),
        ("BATCH_MAX_TWEETS", "many", "valid integer"),
        ("BATCH_MAX_WAIT_MS", "-1", "greater than or equal to 0"),
        ("BATCH_MAX_TOKENS", "15", "greater than or equal to 16"),
        ("CACHE_MAX_TWEETS", "-1", "greater than or equal to 0"),
        ("CACHE_MAX_TWEETS", "many", "valid integer"),
        ("TWEET_MAX_CHARS", "0", "greater than or equal to 1"),
        ("DEAD_LETTER_MAX_SHARE", "0", "greater than 0"),
        ("DEAD_LETTER_MAX_SHARE", "1.01", "less than or equal to 1"),
        ("DEAD_LETTER_MAX_SHARE", "50%", "valid number"),
        ("METRICS_PORT", "65536", "less than or equal to 65535"),
        ("LOG_LEVEL", "TRACE", "'DEBUG'"),
        ("LOG_FORMAT", "xml", "'json'"),
    ],
)
def test_a_wrong_value_is_one_line_with_variable_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    message = _refused(monkeypatch, {name: value})
    assert message.startswith(f"{name}={value}: ")
    assert allowed in message


@pytest.mark.parametrize("url", ["localhost:6379", "http://hunter2@localhost", "hunter2", "redis://[hunter2"])
def test_a_wrong_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    message = _refused(monkeypatch, {"REDIS_URL": url})
    assert message.startswith("REDIS_URL=(hidden): ")
    assert "hunter2" not in message


def test_a_value_of_several_lines_is_refused_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "KAFKA_GROUP_ID" in _refused(monkeypatch, {"KAFKA_GROUP_ID": "first\nsecond"})


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"KAFKA_OUTPUT_TOPIC": "tweets"}, "KAFKA_DEAD_LETTER_TOPIC and KAFKA_CHECKPOINT_TOPIC must differ"),
        ({"KAFKA_DEAD_LETTER_TOPIC": "tweets.emotions"}, "must differ"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are needed"),
        (_SASL | {"KAFKA_SASL_PASSWORD": ""}, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are needed"),
        (
            _SASL | {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN"},
            "use PLAIN with SASL_SSL only",
        ),
        (
            _OAUTH | {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_OAUTH_TOKEN_FILE": __file__},
            "use OAUTHBEARER with SASL_SSL only",
        ),
        (_OAUTH, "KAFKA_SASL_OAUTH_TOKEN_FILE or KAFKA_SASL_OAUTH_TOKEN_URL is needed"),
        (
            _OAUTH | {"KAFKA_SASL_OAUTH_TOKEN_URL": "https://idp/token"},
            "KAFKA_SASL_OAUTH_CLIENT_ID and KAFKA_SASL_OAUTH",
        ),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_CLIENT_SECRET": ""}, "KAFKA_SASL_OAUTH_CLIENT_SECRET are needed"),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_FILE": __file__}, "TOKEN_URL are both set: set one of them"),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "http://idp/token"}, "must begin with https://"),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "file:///etc/passwd"}, "must be https://host/path"),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "idp.example.com/token"}, "must be https://host/path"),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "https://[idp/token"}, "KAFKA_SASL_OAUTH_TOKEN_URL: "),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "https://idp:none/token"}, "KAFKA_SASL_OAUTH_TOKEN_URL: "),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "https://idp/tök\xe9n"}, "must be ASCII without blanks"),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "https://bücher.example/token"}, "must be ASCII without blanks"),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "https://idp/a token"}, "must be ASCII without blanks"),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "https://idp/token\n"}, "must be ASCII without blanks"),
        (_TOKEN_URL | {"KAFKA_SASL_OAUTH_TOKEN_URL": "https://worker:hunter2@idp/token"}, "a user or a password"),
    ],
)
def test_settings_that_contradict_each_other_are_one_line(
    monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str], words: str
) -> None:
    message = _refused(monkeypatch, env)
    assert words in message
    assert "hunter2" not in message


def test_no_text_of_the_settings_has_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"REDIS_URL": "redis://user:hunter2@localhost:6379/0", "KAFKA_SSL_KEY_PASSWORD": "hunter2"}
    settings = _loaded(monkeypatch, _TOKEN_URL | _SASL | secrets)
    for text in (repr(settings), str(settings), settings.redacted(), settings.model_dump_json()):
        assert "hunter2" not in text
    assert settings.redis_url.get_secret_value() == "redis://user:hunter2@localhost:6379/0"


def test_the_redacted_settings_are_one_line_with_every_value(monkeypatch: pytest.MonkeyPatch) -> None:
    line = _loaded(monkeypatch, {"BATCH_MAX_TWEETS": "77"}).redacted()
    assert "BATCH_MAX_TWEETS=77" in line
    assert "KAFKA_GROUP_ID=emotion-worker" in line
    assert "\n" not in line


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().device = "cpu"  # type: ignore[misc]


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _loaded(monkeypatch, {"METRICS_PORT": "", "WORKER_ID": "", "NEUTRAL_THRESHOLD": ""})
    assert (settings.metrics_port, settings.worker_id, settings.neutral_threshold) == (8000, None, None)


@pytest.mark.parametrize("value", ["0", "0.93", "1"])
def test_a_threshold_from_0_to_1_is_taken(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert _loaded(monkeypatch, {"NEUTRAL_THRESHOLD": value}).neutral_threshold == float(value)


@pytest.mark.parametrize(
    ("secret", "content"), [(secret, "redis://:hunter2@h:1/0" if "URL" in secret else "hunter2") for secret in _SECRETS]
)
def test_a_secret_may_be_read_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secret: str, content: str
) -> None:
    (tmp_path / "secret").write_text(f"{content}\n")
    settings = _loaded(monkeypatch, {f"{secret}_FILE": str(tmp_path / "secret")})
    assert getattr(settings, secret.lower()).get_secret_value() == content
    assert "hunter2" not in settings.redacted()


@pytest.mark.parametrize("secret", _SECRETS)
def test_a_secret_and_its_file_are_not_both_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secret: str) -> None:
    (tmp_path / "secret").write_text("redis://hunter2")
    message = _refused(monkeypatch, {secret: "redis://hunter2", f"{secret}_FILE": str(tmp_path / "secret")})
    assert f"{secret} and {secret}_FILE are both set" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("secret", _SECRETS)
def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    message = _refused(monkeypatch, {f"{secret}_FILE": "/nowhere/secret"})
    assert f"{secret}_FILE=/nowhere/secret: " in message


@pytest.mark.parametrize("secret", _SECRETS)
def test_a_secret_file_that_is_no_text_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secret: str) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfehunter2")
    message = _refused(monkeypatch, {f"{secret}_FILE": str(tmp_path / "secret")})
    assert f"{secret}_FILE" in message
    assert "hunter2" not in message


def test_settings_are_read_from_dotenv_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('KAFKA_GROUP_ID=from-dotenv\nMETRICS_PORT="9001"\nUNRELATED=1\n')
    settings = load_settings()
    assert (settings.kafka_group_id, settings.metrics_port) == ("from-dotenv", 9001)


def test_the_environment_goes_before_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KAFKA_GROUP_ID=from-dotenv\n")
    assert _loaded(monkeypatch, {"KAFKA_GROUP_ID": "from-environment"}).kafka_group_id == "from-environment"


def test_a_wrong_value_in_dotenv_is_one_line_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("METRICS_PORT=web\n")
    assert _refused(monkeypatch, {}).startswith("METRICS_PORT=web: ")


def test_dotenv_may_name_the_file_of_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("redis://hunter2:6379/0")
    (tmp_path / ".env").write_text(f"REDIS_URL_FILE={tmp_path / 'secret'}\n")
    assert load_settings().redis_url.get_secret_value() == "redis://hunter2:6379/0"


def test_a_dotenv_that_is_no_text_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"KAFKA_GROUP_ID=\xff\xfe\n")
    assert ".env" in _refused(monkeypatch, {})
