"""Certificates to try with: good ones, and such as must be refused."""

import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from cpis_simulator.errors import ConfigError
from cpis_simulator.transport.certificates import make_certificates

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
PARTIES = ("server", "care", "authority")


def read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def names(certificate: x509.Certificate) -> list[str]:
    value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name) for kind in (x509.DNSName, x509.IPAddress) for name in value.get_values_for_type(kind)]


def test_each_party_gets_a_good_certificate_and_three_that_must_be_refused(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certs", now=NOW)
    assert sorted(made) == sorted(
        ["ca", "wrong-ca", *(f"{p}{v}" for p in PARTIES for v in ("", "-expired", "-wrong-ca", "-wrong-name"))]
    )
    assert sorted(p.name for p in (tmp_path / "certs").iterdir()) == sorted(
        f"{name}{suffix}" for name in made for suffix in (".pem", ".key")
    )
    ca, wrong_ca = read(made["ca"]), read(made["wrong-ca"])
    for party in PARTIES:
        good = read(made[party])
        good.verify_directly_issued_by(ca)
        read(made[f"{party}-wrong-ca"]).verify_directly_issued_by(wrong_ca)
        assert good.not_valid_before_utc <= NOW - timedelta(days=1) < NOW < good.not_valid_after_utc
        assert read(made[f"{party}-expired"]).not_valid_after_utc < NOW
        assert names(read(made[f"{party}-wrong-name"])) == ["elsewhere.example.test"]


def test_the_server_has_the_names_of_the_loopback_interface_and_those_that_are_asked_for(tmp_path: Path) -> None:
    made = make_certificates(tmp_path, now=NOW, hosts=["spine.test", "192.0.2.1"])
    assert names(read(made["server"])) == [
        "localhost", "spine.example.test", "spine.test", "127.0.0.1", "::1", "192.0.2.1",
    ]  # fmt: skip
    assert names(read(made["care"])) == ["care.example.test"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")
def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    make_certificates(tmp_path, now=NOW)
    assert {stat.S_IMODE(key.stat().st_mode) for key in tmp_path.glob("*.key")} == {0o600}


def test_a_file_that_is_there_is_kept_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "care.key").write_text("mine")
    with pytest.raises(ConfigError, match=r"Files are in the way .*: found care\.key\. .*--force"):
        make_certificates(tmp_path, now=NOW)
    assert [p.name for p in tmp_path.iterdir()] == ["care.key"]
    make_certificates(tmp_path, now=NOW, replace=True)
    assert (tmp_path / "care.key").read_text() != "mine"


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "certs").write_text("a file")
    with pytest.raises(ConfigError, match="Certificates cannot be written"):
        make_certificates(tmp_path / "certs", now=NOW)
