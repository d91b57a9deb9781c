"""The options --cert, --key and --ca, which several commands take, put over what is configured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cpis_fixtures.config import Config
    from cpis_simulator.transport.tls import ClientTls, ServerTls

Cert = Annotated[Path | None, typer.Option(help="PEM file of our certificate; `cpis certs` makes some to try with.")]
Key = Annotated[Path | None, typer.Option(help="PEM file of its private key.")]
Ca = Annotated[Path | None, typer.Option(help="PEM file of the authorities that the other side's must come from.")]


def server_tls(config: Config, cert: Path | None, key: Path | None, ca: Path | None) -> ServerTls:
    """How the lookup endpoint speaks TLS.

    Raises:
        ConfigError: When a file that it needs is not named.
    """
    from cpis_simulator.errors import ConfigError
    from cpis_simulator.transport.tls import ServerTls

    configured = config.service.tls.server() if config.service.tls else None
    certificate = cert or (configured.certificate if configured else None)
    private_key = key or (configured.key if configured else None)
    if certificate is None or private_key is None:
        raise ConfigError(
            "The endpoint needs a certificate and its key",
            expected="--cert and --key, or [service.tls] in the configuration",
            mend="`cpis certs DIR` makes files to try with; --no-tls serves plain HTTP, for a test network only.",
        )
    if configured is None:
        return ServerTls(certificate, private_key, ca)
    return ServerTls(
        certificate,
        private_key,
        ca or configured.client_ca,
        configured.require_client_certificate,
        configured.minimum_version,
    )


def inbox_tls(client: ClientTls | None) -> ServerTls | None:
    """How the care client speaks TLS where the service calls it back: with the same certificate and authorities."""
    from cpis_simulator.transport.tls import ServerTls

    if client is None or client.certificate is None or client.key is None:
        return None
    return ServerTls(client.certificate, client.key, client.ca, require_client_certificate=client.ca is not None)


def client_tls(config: Config, cert: Path | None, key: Path | None, ca: Path | None) -> ClientTls | None:
    """How the care client speaks TLS; None where nothing is said about it."""
    from cpis_simulator.transport.tls import ClientTls

    configured = config.care.tls.client() if config.care.tls else None
    if configured is None:
        return ClientTls(cert, key, ca) if cert or key or ca else None
    return ClientTls(cert or configured.certificate, key or configured.key, ca or configured.ca)
