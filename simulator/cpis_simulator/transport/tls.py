"""TLS on both sides: contexts, what a certificate says, and what a failed handshake means and how to mend it.

Source: CP-IS over Spine, transport section 10.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from cpis_simulator.errors import ConfigError

TlsVersion = Literal["1.2", "1.3"]

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_HANDSHAKE_RECORD: Final = 0x16
_PLAIN_REQUEST: Final = re.compile(rb"[A-Z]{1,16}(?: |$)")

# OpenSSL's verification results (X509_V_ERR_…).
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_UNKNOWN_ISSUER: Final = frozenset((2, 18, 19, 20, 21))
_WRONG_PURPOSE: Final = 26
_WRONG_NAME: Final = frozenset((62, 64))


@dataclass(frozen=True, slots=True)
class ServerTls:
    """How an endpoint speaks TLS.

    Attributes:
        certificate: PEM file of its certificate, with intermediate ones after it.
        key: PEM file of its private key.
        client_ca: PEM file of the authorities that clients' certificates must come from.
        require_client_certificate: A client without one is refused.
        minimum_version: The oldest version that is spoken.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    require_client_certificate: bool = True
    minimum_version: TlsVersion = "1.2"


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How a client speaks TLS: its own certificate, and the authorities that a server's must come from.

    Without `ca` those count that the system trusts.
    """

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the other side's certificate says.

    Attributes:
        subject: Such as `CN=care.example.test, O=Example`.
        names: Its DNS names and addresses, or the common name where it has none.
        fingerprint: SHA-256 of its DER form, in hexadecimal.
    """

    subject: str
    names: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class TlsPeer:
    """What a handshake settled: version, cipher, and who is at the other end, where that was shown."""

    version: str
    cipher: str
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class HandshakeFailure:
    """Why a connection never became one.

    Attributes:
        reason: One word for programs, such as `expired`.
        text: What happened, for people.
        mend: What to do about it.
    """

    reason: str
    text: str
    mend: str


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """The server's side of TLS.

    Raises:
        ConfigError: A file cannot be used, or no authority is named for the certificates that clients must have.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.minimum_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    # Each ticket costs a sixth of a handshake; one is enough to come back with.
    context.num_tickets = 1
    _load_own(context, tls.certificate, tls.key)
    if tls.client_ca is not None:
        _load_authorities(context, tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if tls.require_client_certificate else ssl.CERT_OPTIONAL
    elif tls.require_client_certificate:
        raise ConfigError(
            "Clients must have a certificate, and no authority is named that it must come from",
            mend="Name its PEM file as client_ca, or set require_client_certificate = false.",
        )
    return context


def client_context(tls: ClientTls) -> ssl.SSLContext:
    """The client's side of TLS; the server's name is always checked.

    Raises:
        ConfigError: A file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.certificate is not None:
        _load_own(context, tls.certificate, tls.key)
    elif tls.key is not None:
        raise ConfigError("A key without its certificate", where=str(tls.key), mend="Name the certificate too.")
    if tls.ca is not None:
        _load_authorities(context, tls.ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    # A key with a passphrase would have OpenSSL ask for it at the terminal.
    for file in filter(None, (certificate, key)):
        _check_readable(file)
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise ConfigError(
            "A certificate or its key cannot be used",
            where=f"{certificate}, {key or certificate}",
            expected="PEM files that belong together, the key without a passphrase",
            found=getattr(error, "reason", None) or error,
            mend="`cpis certs DIR` makes files to try with.",
        ) from error


def _load_authorities(context: ssl.SSLContext, file: Path) -> None:
    _check_readable(file)
    try:
        context.load_verify_locations(file)
    except OSError as error:
        raise ConfigError(
            "The certificates of an authority cannot be used",
            where=str(file),
            expected="a PEM file of one or more certificates",
            found=getattr(error, "reason", None) or error,
        ) from error


def _check_readable(file: Path) -> None:
    try:
        file.open("rb").close()
    except OSError as error:
        mend = "`cpis certs DIR` makes files to try with."
        raise ConfigError("A file for TLS cannot be read", where=str(file), found=error.strerror, mend=mend) from error


def peer_of(sock: ssl.SSLSocket) -> TlsPeer:
    """What a finished handshake settled."""
    der = sock.getpeercert(binary_form=True)
    certificate = None
    if der is not None:
        shown: Mapping[str, Any] = sock.getpeercert() or {}
        subject = [(kind, value) for rdn in shown.get("subject", ()) for kind, value in rdn]
        names = [value for kind, value in shown.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
        certificate = Certificate(
            ", ".join(f"{_SHORT.get(kind, kind)}={value}" for kind, value in reversed(subject)),
            tuple(names or (value for kind, value in subject if kind == "commonName")),
            hashlib.sha256(der).hexdigest(),
        )
    cipher = sock.cipher()
    return TlsPeer(sock.version() or "", cipher[0] if cipher else "", certificate)


_SHORT: Final = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}


def speaks_tls(first: bytes) -> bool:
    """The first bytes of a connection are those of a handshake."""
    return first[:1] == bytes([_HANDSHAKE_RECORD])


def speaks_plain_http(first: bytes) -> bool:
    """The first bytes of a connection are those of a plain HTTP request."""
    return _PLAIN_REQUEST.match(first) is not None


PLAIN_HTTP: Final = HandshakeFailure(
    "plain-http", "plain HTTP was spoken to the TLS port", "Have the client use https:// and its certificate."
)
TLS_TO_PLAIN: Final = HandshakeFailure(
    "tls-to-plain-port",
    "TLS was spoken to a port of plain HTTP",
    "Have the client use http://, or serve TLS ([service.tls], without --no-tls).",
)
TIMED_OUT: Final = HandshakeFailure(
    "timeout", "the handshake was not done in time", "Client or network stall; see transport.handshake_s."
)


def failure_at_server(error: OSError) -> HandshakeFailure:
    """What a client did wrong, as the server sees it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _bad_client_certificate(error)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or not isinstance(error, ssl.SSLError):
        return HandshakeFailure(
            "hung-up",
            "the client hung up in the middle of the handshake",
            "It may not trust this endpoint's certificate; its own log says.",
        )
    reason = (error.reason or "").upper()
    for words, failure in _AT_SERVER:
        if any(word in reason for word in words):
            return failure
    mend = "The client's log may say why."
    return HandshakeFailure("handshake-failed", f"the handshake failed: {_words(error)}", mend)


def _bad_client_certificate(error: ssl.SSLCertVerificationError) -> HandshakeFailure:
    code, said = error.verify_code, error.verify_message
    if code == _EXPIRED:
        return HandshakeFailure("expired", "the client's certificate has expired", "Give the client a new certificate.")
    if code == _NOT_YET_VALID:
        mend = "Check the clocks of both machines."
        return HandshakeFailure("not-yet-valid", "the client's certificate is not valid yet", mend)
    if code in _UNKNOWN_ISSUER:
        return HandshakeFailure(
            "unknown-ca",
            f"the client's certificate comes from an unknown authority ({said})",
            "Give the client a certificate of the authority in client_ca, or add its authority to that file.",
        )
    if code == _WRONG_PURPOSE:
        mend = "Give the client a certificate whose extended key usage is client authentication."
        return HandshakeFailure("wrong-purpose", "the client's certificate is not for clients", mend)
    return HandshakeFailure("bad-certificate", f"the client's certificate is refused: {said}", "Give it another one.")


_AT_SERVER: Final[tuple[tuple[tuple[str, ...], HandshakeFailure], ...]] = (
    (
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE",),
        HandshakeFailure(
            "no-certificate", "the client sent no certificate", "Configure the client with its certificate and key."
        ),
    ),
    (
        ("UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "ALERT_PROTOCOL_VERSION", "INAPPROPRIATE_FALLBACK"),
        HandshakeFailure(
            "protocol-version",
            "the client speaks none of our versions of TLS",
            "Have it speak TLS 1.2 or 1.3, at least minimum_version.",
        ),
    ),
    (
        ("HTTP_REQUEST",),
        PLAIN_HTTP,
    ),
    (
        ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "BAD_RECORD_TYPE", "PACKET_LENGTH", "INVALID_ALERT"),
        HandshakeFailure("not-tls", "what was sent is not TLS", "Have the client use https://."),
    ),
    (
        ("NO_SHARED_CIPHER", "NO_SUITABLE"),
        HandshakeFailure("no-shared-cipher", "client and endpoint share no cipher", "Allow the client newer ciphers."),
    ),
    (
        ("ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE"),
        HandshakeFailure(
            "distrusted",
            "the client refused this endpoint's certificate",
            "Have the client trust its authority (ca.pem of `cpis certs`), and use a name that stands in it.",
        ),
    ),
)


def failure_at_client(error: ssl.SSLError) -> HandshakeFailure:
    """What is wrong between a client of ours and a server, as the client sees it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _bad_server_certificate(error)
    reason = (error.reason or "").upper()
    for words, failure in _AT_CLIENT:
        if any(word in reason for word in words):
            return failure
    return HandshakeFailure("handshake-failed", f"TLS failed: {_words(error)}", "The server's log may say why.")


def _bad_server_certificate(error: ssl.SSLCertVerificationError) -> HandshakeFailure:
    code, said = error.verify_code, error.verify_message
    if code == _EXPIRED:
        return HandshakeFailure("expired", "the server's certificate has expired", "Give the server a new one.")
    if code == _NOT_YET_VALID:
        mend = "Check the clocks of both machines."
        return HandshakeFailure("not-yet-valid", "the server's certificate is not valid yet", mend)
    if code in _UNKNOWN_ISSUER:
        mend = "Name the PEM file of its authority (--ca)."
        text = f"the server's certificate comes from an unknown authority ({said})"
        return HandshakeFailure("unknown-ca", text, mend)
    if code in _WRONG_NAME:
        mend = "Use an address that stands in it, or a server certificate with this name."
        return HandshakeFailure("wrong-name", f"the server's certificate has another name: {said}", mend)
    return HandshakeFailure("bad-certificate", f"the server's certificate is refused: {said}", "Give it another one.")


_AT_CLIENT: Final[tuple[tuple[tuple[str, ...], HandshakeFailure], ...]] = (
    (
        ("WRONG_VERSION_NUMBER", "PACKET_LENGTH", "RECORD_LAYER_FAILURE"),
        HandshakeFailure("not-tls", "the server does not speak TLS on this port", "Use http://, or another port."),
    ),
    (
        ("ALERT_CERTIFICATE_REQUIRED",),
        HandshakeFailure("no-certificate", "the server wants a certificate", "Name one with --cert and --key."),
    ),
    (
        ("ALERT_CERTIFICATE_EXPIRED",),
        HandshakeFailure("refused-expired", "the server refused our certificate: it has expired", "Use a valid one."),
    ),
    (
        ("ALERT_UNKNOWN_CA",),
        HandshakeFailure(
            "refused-unknown-ca",
            "the server refused our certificate: it does not know its authority",
            "Use a certificate of an authority that the server's client_ca names.",
        ),
    ),
    (
        ("ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_ACCESS_DENIED"),
        HandshakeFailure("refused", "the server refused our certificate", "The server's log says why."),
    ),
    (
        ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"),
        HandshakeFailure("protocol-version", "client and server share no version of TLS", "Both need TLS 1.2 or 1.3."),
    ),
    (
        ("UNEXPECTED_EOF",),
        HandshakeFailure(
            "hung-up",
            "the server hung up",
            "It may not speak TLS on this port, or refuse our certificate; its log says.",
        ),
    ),
    (
        ("ALERT_HANDSHAKE_FAILURE",),
        HandshakeFailure(
            "refused-handshake",
            "the server ended the handshake",
            "It may want a certificate (--cert, --key), or share no cipher; its log says.",
        ),
    ),
)


def _words(error: ssl.SSLError) -> str:
    return (error.reason or error.strerror or str(error)).replace("_", " ").lower()


def facts(peer: TlsPeer | None) -> dict[str, str]:
    """What evidence keeps of a connection's TLS; nothing of a plain one."""
    if peer is None:
        return {}
    found = {"tls": peer.version, "cipher": peer.cipher}
    if peer.certificate is not None:
        found |= {
            "client-subject": peer.certificate.subject,
            "client-names": _joined(peer.certificate.names),
            "client-fingerprint": peer.certificate.fingerprint,
        }
    return found


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)
