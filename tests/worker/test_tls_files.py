"""TLS files that OpenSSL cannot use: one line with the setting and the file, before any connection."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.certificates import Authority, Certified, openssl
from worker.__main__ import main
from worker.configuration.tls_files import check_tls_files
from worker.errors import ExitCode
from worker.settings import Settings

PASS_PHRASE = "correct-horse"

WrongFile = Callable[[Certified, Path], None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def client(authority: Authority) -> Certified:
    return authority.certify("client")


def refused(
    *,
    cafile: Path | None = None,
    certfile: Path | None = None,
    keyfile: Path | None = None,
    password: str | None = None,
) -> str:
    secret = None if password is None else SecretStr(password)
    with pytest.raises(ValueError, match=r"^KAFKA_SSL_") as caught:
        check_tls_files("KAFKA_SSL", cafile=cafile, certfile=certfile, keyfile=keyfile, key_password=secret)
    assert "\n" not in str(caught.value)
    assert PASS_PHRASE not in str(caught.value)
    return str(caught.value)


def jks(_: Certified, path: Path) -> None:
    path.write_bytes(b"\xfe\xed\xfe\xed\x00\x00\x00\x02")


def jceks(_: Certified, path: Path) -> None:
    path.write_bytes(b"\xce\xce\xce\xce\x00\x00\x00\x02")


def der(client: Certified, path: Path) -> None:
    openssl(path.parent, "x509", "-in", client.certificate, "-outform", "DER", "-out", path)


def der_key(client: Certified, path: Path) -> None:
    openssl(path.parent, "pkey", "-in", client.key, "-outform", "DER", "-out", path)


def pkcs12(client: Certified, path: Path) -> None:
    openssl(path.parent, "pkcs12", "-export", "-in", client.certificate, "-inkey", client.key, "-out", path,
            "-passout", "pass:")  # fmt: skip


def empty(_: Certified, path: Path) -> None:
    path.write_bytes(b"")


def blank(_: Certified, path: Path) -> None:
    path.write_bytes(b"\n \n")


def text(_: Certified, path: Path) -> None:
    path.write_text("/etc/ssl/ca.pem\n")


def utf16(client: Certified, path: Path) -> None:
    path.write_text(client.certificate.read_text(), encoding="utf-16")


def cut_off(client: Certified, path: Path) -> None:
    path.write_text(client.certificate.read_text()[:200])


def only_key(client: Certified, path: Path) -> None:
    path.write_text(client.key.read_text())


def only_certificate(client: Certified, path: Path) -> None:
    path.write_text(client.certificate.read_text())


NO_CERTIFICATE: list[tuple[WrongFile, str]] = [
    (jks, "is a Java keystore (JKS)"),
    (jceks, "is a Java keystore (JKS)"),
    (der, "is binary (DER or PKCS #12)"),
    (pkcs12, "is binary (DER or PKCS #12)"),
    (empty, "is empty"),
    (blank, "is empty"),
    (text, "is not PEM text"),
    (utf16, "is not PEM text"),
    (cut_off, "(certificate)"),
    (only_key, "(private key)"),
]
NO_KEY: list[tuple[WrongFile, str]] = [
    (jks, "is a Java keystore (JKS)"),
    (der_key, "is binary (DER or PKCS #12)"),
    (empty, "is empty"),
    (text, "is not PEM text"),
    (only_certificate, "(certificate)"),
]


@pytest.mark.parametrize(("make", "words"), NO_CERTIFICATE)
def test_a_file_without_a_pem_certificate_is_named_with_what_it_is(
    client: Certified, tmp_path: Path, make: WrongFile, words: str
) -> None:
    path = tmp_path / "file"
    make(client, path)
    for setting, message in {
        "KAFKA_SSL_CAFILE": refused(cafile=path),
        "KAFKA_SSL_CERTFILE": refused(certfile=path, keyfile=client.key),
    }.items():
        assert message.startswith(f"{setting}={path}: must be a PEM file with a certificate, and ")
        assert message.endswith(words)


@pytest.mark.parametrize(("make", "words"), NO_KEY)
def test_a_file_without_a_pem_key_is_named_with_what_it_is(
    client: Certified, tmp_path: Path, make: WrongFile, words: str
) -> None:
    path = tmp_path / "file"
    make(client, path)
    message = refused(certfile=client.certificate, keyfile=path)
    assert message.startswith(f"KAFKA_SSL_KEYFILE={path}: must be a PEM file with a private key, and ")
    assert message.endswith(words)


def test_a_file_of_revocation_lists_is_no_authority(authority: Authority, tmp_path: Path) -> None:
    folder = authority.certificate.parent
    (folder / "index.txt").write_text("")
    (folder / "ca.cnf").write_text("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\n")
    made_by = ["-config", "ca.cnf", "-keyfile", "authority.key", "-cert", authority.certificate]
    openssl(folder, "ca", "-gencrl", *made_by, "-crldays", "1", "-out", tmp_path / "list.pem")
    assert "(x509 crl)" in refused(cafile=tmp_path / "list.pem")


def test_a_key_of_another_certificate_is_named_with_both_files(authority: Authority, client: Certified) -> None:
    other = authority.certify("other")
    message = refused(certfile=client.certificate, keyfile=other.key)
    assert message.startswith(f"KAFKA_SSL_KEYFILE={other.key}: is not the key of the certificate in ")
    assert message.endswith(f"KAFKA_SSL_CERTFILE={client.certificate}")


def test_a_certificate_without_any_key_is_named(client: Certified) -> None:
    assert refused(certfile=client.certificate).startswith(f"KAFKA_SSL_CERTFILE={client.certificate}: must be a PEM ")


def test_a_key_without_a_certificate_is_named(client: Certified) -> None:
    assert "KAFKA_SSL_CERTFILE" in refused(keyfile=client.key)


def test_a_damaged_key_is_named(client: Certified, tmp_path: Path) -> None:
    path = tmp_path / "damaged.key"
    path.write_text(client.key.read_text()[:80])
    assert refused(certfile=client.certificate, keyfile=path).startswith(f"KAFKA_SSL_KEYFILE={path}: OpenSSL refuses ")


def test_an_encrypted_key_without_a_pass_phrase_names_the_setting_and_does_not_ask_the_terminal(
    client: Certified,
) -> None:
    message = refused(certfile=client.certificate, keyfile=client.encrypted_key(PASS_PHRASE))
    assert message.endswith("is encrypted: set KAFKA_SSL_KEY_PASSWORD or KAFKA_SSL_KEY_PASSWORD_FILE")


def test_a_wrong_pass_phrase_is_named_and_not_shown(client: Certified) -> None:
    message = refused(certfile=client.certificate, keyfile=client.encrypted_key("another-horse"), password=PASS_PHRASE)
    assert message.endswith("KAFKA_SSL_KEY_PASSWORD is not the pass phrase of this private key")


def test_usable_files_are_accepted(authority: Authority, client: Certified, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_text(client.key.read_text() + client.certificate.read_text() + authority.certificate.read_text())
    for certfile, keyfile, password in [
        (client.certificate, client.key, None),
        (client.certificate, client.key, SecretStr("not needed")),
        (client.certificate, client.encrypted_key(PASS_PHRASE), SecretStr(PASS_PHRASE)),
        (both, None, None),
    ]:
        check_tls_files(
            "KAFKA_SSL", cafile=authority.certificate, certfile=certfile, keyfile=keyfile, key_password=password
        )


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
@pytest.mark.parametrize("program", [[], ["create-topics"], ["verify"]], ids=str)
def test_a_wrong_file_ends_every_program_with_the_code_of_settings_before_the_network(
    program: list[str],
    protocol: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "ca.jks").write_bytes(b"\xfe\xed\xfe\xed")
    login = {"KAFKA_SASL_USERNAME": "worker", "KAFKA_SASL_PASSWORD": "hunter2"}
    for name, value in {
        "KAFKA_SECURITY_PROTOCOL": protocol,
        "KAFKA_SSL_CAFILE": str(tmp_path / "ca.jks"),
        **login,
    }.items():
        monkeypatch.setenv(name, value)
    assert main(program) == ExitCode.SETTINGS
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"worker: KAFKA_SSL_CAFILE={tmp_path / 'ca.jks'}: ")


def test_files_of_an_unused_protocol_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "ca.jks").write_bytes(b"\xfe\xed\xfe\xed")
    Settings(_env_file=None, kafka_ssl_cafile=tmp_path / "ca.jks")
