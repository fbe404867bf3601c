"""Certificates for both servers, read again when they are replaced (see watched.py)."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from receiver.settings import ReceiverSettings
from receiver.watched import Watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What a handshake needs: `context` for HTTP, the PEM bytes for gRPC."""

    context: ssl.SSLContext
    cert_pem: bytes
    key_pem: bytes
    client_ca_pem: bytes | None


def read_certificates(cert_file: Path, key_file: Path, client_ca_file: Path | None) -> Certificates:
    """Read and check the files: TLS 1.2 or newer, clients' certificates demanded if there is a CA.

    Raises:
        ValueError: they cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert_file, key_file)
        if client_ca_file is not None:
            context.load_verify_locations(client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return Certificates(
            context=context,
            cert_pem=cert_file.read_bytes(),
            key_pem=key_file.read_bytes(),
            client_ca_pem=None if client_ca_file is None else client_ca_file.read_bytes(),
        )
    except (OSError, ssl.SSLError) as error:
        named = f"{cert_file}, {key_file}" + (f", {client_ca_file}" if client_ca_file else "")
        raise ValueError(f"receiver.tls: {named} cannot be used: {error}") from error


def watched_certificates(settings: ReceiverSettings) -> Watched[Certificates] | None:
    """Return the certificates that the settings name; None: there is no TLS.

    Raises:
        ValueError: they cannot be used.
    """
    if not settings.tls_cert_file:
        return None
    cert, key = Path(settings.tls_cert_file), Path(settings.tls_key_file)
    ca = Path(settings.tls_client_ca_file) if settings.tls_client_ca_file else None
    paths = [cert, key] + ([ca] if ca else [])
    return Watched(paths, lambda: read_certificates(cert, key, ca))


def names_in(certificate: Mapping[str, object] | None) -> tuple[str, ...]:
    """Return what a client's certificate calls it, the alternative names (RFC 5280) first.

    `certificate`: as `ssl.SSLObject.getpeercert` returns it. The common name comes as `CN=...`.
    """
    if not certificate:
        return ()
    alternative: object = certificate.get("subjectAltName", ())
    subject: object = certificate.get("subject", ())
    assert isinstance(alternative, tuple)
    assert isinstance(subject, tuple)
    names = [
        str(value) for wanted in ("URI", "DNS") for kind, value in alternative if kind == wanted
    ]
    names += [f"CN={value}" for part in subject for key, value in part if key == "commonName"]
    return tuple(names)
