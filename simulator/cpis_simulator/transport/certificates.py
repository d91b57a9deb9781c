"""Certificates to try with: an authority of its own, and for each party a good one and three that must be refused.

Keys are on the curve P-256: as widely spoken as RSA, and made and used in a fraction of the time.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cpis_simulator.errors import ConfigError

SERVER: Final = "server"
CLIENTS: Final = ("care", "authority")
"""Who needs one as a client: a care system at the lookup endpoint, an authority's file-drop client at MESH."""

VARIANTS: Final = ("", "-expired", "-wrong-ca", "-wrong-name")
"""What is added to a party's name: nothing for the good one."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_DOMAIN: Final = "example.test"
_ELSEWHERE: Final = f"elsewhere.{_DOMAIN}"
_VALID: Final = timedelta(days=825)
"""Some systems refuse a certificate that is valid for longer."""
_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Issuer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_certificates(
    folder: Path, *, now: datetime, hosts: Sequence[str] = (), replace: bool = False
) -> Mapping[str, Path]:
    """Make two authorities, and for server, care and authority one good certificate and three that must be refused.

    Args:
        folder: Gets `<name>.pem` and `<name>.key`; made when it is not there.
        now: From when on they are valid (a day before, for clocks that disagree).
        hosts: Names and addresses of the server, beside those of the loopback interface.
        replace: Files of these names may be replaced.

    Returns:
        The certificate of each name; its key stands beside it.

    Raises:
        ConfigError: Files are in the way, or the folder cannot be written to. Nothing was replaced then.
    """
    ca, wrong_ca = _authority("CP-IS harness test CA", now), _authority("CP-IS harness wrong CA", now)
    made = {"ca": ca, "wrong-ca": wrong_ca}
    names = {SERVER: (*_LOOPBACK, f"spine.{_DOMAIN}", *hosts)} | {c: (f"{c}.{_DOMAIN}",) for c in CLIENTS}
    for party, own in names.items():
        made[party] = _issued(ca, party, own, now)
        made[f"{party}-expired"] = _issued(ca, party, own, now - _VALID - 2 * _A_DAY)
        made[f"{party}-wrong-ca"] = _issued(wrong_ca, party, own, now)
        made[f"{party}-wrong-name"] = _issued(ca, party, (_ELSEWHERE,), now)
    files = {folder / f"{name}.pem": _pem(one) for name, one in made.items()}
    files |= {folder / f"{name}.key": _key_pem(one) for name, one in made.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        in_the_way = [file.name for file in files if file.exists()]
        if in_the_way and not replace:
            raise ConfigError(
                "Files are in the way",
                where=str(folder),
                found=", ".join(sorted(in_the_way)[:3]) + (f" and {n} more" if (n := len(in_the_way) - 3) > 0 else ""),
                mend="Name another folder, or replace them with --force; then who trusts the old ones needs the new.",
            )
        for file, content in files.items():
            _write(file, content)
    except OSError as error:
        raise ConfigError("Certificates cannot be written", where=str(folder), found=error.strerror) from error
    return {name: folder / f"{name}.pem" for name in made}


def _authority(name: str, now: datetime) -> _Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    builder = (
        _begun(subject, subject, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return _Issuer(builder.sign(key, hashes.SHA256()), key)


def _issued(issuer: _Issuer, party: str, names: Sequence[str], now: datetime) -> _Issuer:
    """A certificate for both sides of TLS: a party that is called back is a server too."""
    key = ec.generate_private_key(ec.SECP256R1())
    first = next((name for name in names if _DOMAIN in name), names[0])
    builder = (
        _begun(_named(first, party), issuer.certificate.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    return _Issuer(builder.sign(issuer.key, hashes.SHA256()), key)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _A_DAY)
        .not_valid_after(now - _A_DAY + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _named(common_name: str, unit: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "CP-IS harness, made up")]
    if unit:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(one: _Issuer) -> bytes:
    return one.certificate.public_bytes(Encoding.PEM)


def _key_pem(one: _Issuer) -> bytes:
    return one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(file: Path, content: bytes) -> None:
    """Write a file whole, a key for nobody else to read from its first byte on."""
    mode = 0o600 if file.suffix == ".key" else 0o644
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        out.write(content)
    os.replace(part, file)
