"""The arguments of a Kafka client for each way to connect."""

from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from worker.kafka.access_tokens import GrantedTokens, TokenFile
from worker.kafka.connection import connection_arguments
from worker.settings import Settings

PASSWORD = {"kafka_sasl_username": "worker", "kafka_sasl_password": "hunter2"}


def arguments(**values: Any) -> dict[str, Any]:
    return connection_arguments(Settings(_env_file=None, **values))


def test_a_plain_connection_carries_neither_login_nor_certificates() -> None:
    assert arguments(kafka_ssl_key_password="hunter2", **PASSWORD) == {
        "bootstrap_servers": ["localhost:9092"],
        "security_protocol": "PLAINTEXT",
    }


def test_several_servers_may_be_separated_by_commas_and_blanks() -> None:
    assert arguments(kafka_bootstrap_servers="a:1, b:2,[::1]:3")["bootstrap_servers"] == ["a:1", "b:2", "[::1]:3"]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
def test_tls_checks_host_names_and_a_login_goes_with_it(tmp_path: Path, mechanism: str) -> None:
    authority = Authority(tmp_path)
    connection = arguments(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism=mechanism,
        kafka_ssl_cafile=authority.certificate,
        **PASSWORD,
    )
    assert connection["ssl_check_hostname"] is True
    assert connection["ssl_cafile"] == str(authority.certificate)
    assert connection["sasl_mechanism"] == mechanism
    assert connection["sasl_plain_username"] == "worker"
    assert connection["sasl_plain_password"] == "hunter2"


def test_mutual_tls_has_the_clients_certificate_its_key_and_the_pass_phrase(tmp_path: Path) -> None:
    client = Authority(tmp_path).certify("client")
    key = client.encrypted_key("hunter2")
    connection = arguments(
        kafka_security_protocol="SSL",
        kafka_ssl_certfile=client.certificate,
        kafka_ssl_keyfile=key,
        kafka_ssl_key_password="hunter2",
    )
    assert connection["ssl_certfile"] == str(client.certificate)
    assert (connection["ssl_keyfile"], connection["ssl_password"]) == (str(key), "hunter2")
    assert not [name for name in connection if name.startswith("sasl")]


def test_a_token_takes_the_place_of_user_name_and_password(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")
    oauth = {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "OAUTHBEARER"}
    from_file = arguments(kafka_sasl_oauth_token_file=tmp_path / "token", **oauth)
    assert isinstance(from_file["sasl_oauth_token_provider"], TokenFile)
    assert "sasl_plain_password" not in from_file
    client = {"kafka_sasl_oauth_client_id": "worker", "kafka_sasl_oauth_client_secret": "hunter2"}
    from_url = arguments(kafka_sasl_oauth_token_url="https://idp.example.com/token", **client, **oauth)
    assert isinstance(from_url["sasl_oauth_token_provider"], GrantedTokens)
