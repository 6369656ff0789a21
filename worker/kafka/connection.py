"""The arguments with which every kafka-python client of this project connects and logs in."""

from pathlib import Path
from typing import Any

from worker.kafka.access_tokens import token_provider
from worker.settings import Settings


def connection_arguments(settings: Settings) -> dict[str, Any]:
    """Return the arguments for a consumer, a producer or an admin client."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in settings.kafka_bootstrap_servers.split(",")],
        "security_protocol": settings.kafka_security_protocol,
    }
    if "SSL" in settings.kafka_security_protocol:
        password = settings.kafka_ssl_key_password
        arguments |= {
            "ssl_check_hostname": True,
            "ssl_cafile": _text(settings.kafka_ssl_cafile),
            "ssl_certfile": _text(settings.kafka_ssl_certfile),
            "ssl_keyfile": _text(settings.kafka_ssl_keyfile),
            "ssl_password": None if password is None else password.get_secret_value(),
        }
    if settings.kafka_security_protocol.startswith("SASL"):
        arguments |= {"sasl_mechanism": settings.kafka_sasl_mechanism} | _login(settings)
    return arguments


def _login(settings: Settings) -> dict[str, Any]:
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        return {"sasl_oauth_token_provider": token_provider(settings)}
    password = settings.kafka_sasl_password
    return {
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": None if password is None else password.get_secret_value(),
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
