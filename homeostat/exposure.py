"""No address that other machines reach is served without TLS and authentication, unless told so."""

import ipaddress
from collections.abc import Mapping


def refuse_exposure(
    listens: Mapping[str, str],
    *,
    is_insecure_allowed: bool,
    has_tls: bool,
    has_authentication: bool,
) -> None:
    """Check where the receivers listen; `listens`: addresses by the name of their setting.

    Raises:
        ValueError: one is open to others, with the remedies.
    """
    if is_insecure_allowed or (has_tls and has_authentication):
        return
    missing = [
        name
        for name, there in (
            ("tls.cert_file and tls.key_file", has_tls),
            ("principals_file or tls.client_ca_file", has_authentication),
        )
        if not there
    ]
    for name, listen in listens.items():
        if not _is_loopback(listen):
            raise ValueError(
                f"{name}: got {listen!r}: other machines could send whatever they like: "
                f"set {' and '.join(missing)}, or listen on 127.0.0.1, "
                "or set insecure_listen: true if the network itself keeps strangers out"
            )


def _is_loopback(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
