"""Who may send: told before a body is read, by token or certificate, replaced while we run."""

import json
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from receiver.grpc_calls import SERVICES
from tests.parts.certificates import Authority
from tests.receiver.asking import JSON, PROTOBUF, ask, counts, head, raw
from tests.receiver.house import DEADLINE_S, Brain, House, Sender, Start, wait_until
from tests.receiver.raw_h2 import RawH2
from tests.receiver.test_grpc import traces

OLD, NEW, CART = "old-" + "0" * 32, "new-" + "1" * 32, "cart" + "2" * 32
BODY = traces("a").SerializeToString()
BEARER = {"authorization": f"Bearer {OLD}"}
SERVICE = next(service for service, signal in SERVICES.items() if signal == "traces")


def principals(path: Path, *tokens: str, **more: Any) -> str:
    """Write the file anew, as Kubernetes does: a new file under the old name."""
    fresh = path.with_suffix(".new")
    listed = {"gateway": {"tokens": list(tokens), "services": ["*"]}, **more}
    fresh.write_text(yaml.safe_dump({"principals": listed}))
    fresh.rename(path)
    return str(path)


@pytest.fixture
def guarded(start: Start, tmp_path: Path) -> House:
    return start(principals_file=principals(tmp_path / "principals.yaml", OLD))


def code_of(house: House, metadata: Mapping[str, str]) -> grpc.StatusCode:
    try:
        house.sender.export(BODY, metadata=tuple(metadata.items()))
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


@pytest.mark.parametrize(
    "metadata", [{}, {"authorization": f"Bearer {NEW}"}, {"authorization": f"Basic {OLD}"}]
)
def test_who_shows_no_known_token_is_denied_and_counted(
    guarded: House, metadata: dict[str, str]
) -> None:
    assert code_of(guarded, metadata) is grpc.StatusCode.UNAUTHENTICATED
    reply = ask(guarded, BODY, {**PROTOBUF, **metadata})
    assert (reply.status, reply.as_status().code) == (401, 16)
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    told = json.loads(ask(guarded, b"{}", {**JSON, **metadata}).body)
    assert (told["code"], "principals_file" in told["message"]) == (16, True)
    assert counts(guarded)["refused_unauthenticated"] == 3


def test_a_token_opens_both_doors(guarded: House, brain: Brain) -> None:
    assert code_of(guarded, BEARER) is grpc.StatusCode.OK
    assert ask(guarded, BODY, {**PROTOBUF, **BEARER}).status == 200
    assert brain.table().num_rows == 2


def test_a_body_is_not_waited_for_to_deny_its_sender(guarded: House) -> None:
    began_s = time.monotonic()
    with RawH2(guarded.receiver.address) as stranger:
        _, payload = stranger.until_ended(stranger.open(size=4 * 2**20, sent=bytes(1000)))
    assert b"16" in payload  # grpc-status
    assert raw(guarded, head(10**6), b"0" * 10, more=True).startswith(b"HTTP/1.1 401")
    assert time.monotonic() - began_s < 5


def test_tokens_are_replaced_without_a_restart_and_a_bad_file_changes_nothing(
    guarded: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "principals.yaml"
    renewed = {"authorization": f"Bearer {NEW}"}
    principals(file, NEW, OLD)
    wait_until(lambda: code_of(guarded, renewed) is grpc.StatusCode.OK, "the new token is taken")
    assert code_of(guarded, BEARER) is grpc.StatusCode.OK
    principals(file, NEW)
    denied = grpc.StatusCode.UNAUTHENTICATED
    wait_until(lambda: code_of(guarded, BEARER) is denied, "the old token is denied")
    file.write_text("principals: {gateway: {tokens: [short]}}")
    told = ""

    def is_told() -> bool:
        nonlocal told
        assert code_of(guarded, renewed) is grpc.StatusCode.OK
        told += capsys.readouterr().err
        return "got one of 5 characters" in told

    wait_until(is_told, "the mistake is told")


def secure(house: House, authority: Authority, client: tuple[Path, Path] | None = None) -> Any:
    """Return a call of a client that trusts `authority` alone."""
    certificate, key = (p.read_bytes() for p in client) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.path.read_bytes(), key, certificate)
    channel = grpc.secure_channel(house.receiver.address, credentials)
    return channel, channel.unary_unary(f"/{SERVICE}/Export")


def exported(house: House, authority: Authority, client: tuple[Path, Path] | None = None) -> bool:
    channel, call = secure(house, authority, client)
    try:
        return bytes(call(BODY, timeout=DEADLINE_S)) == b""
    except grpc.RpcError:  # no handshake
        return False
    finally:
        channel.close()


def status_over_tls(
    house: House, authority: Authority, client: tuple[Path, Path] | None = None
) -> bytes:
    """Return the status line of an export over HTTPS; raises ssl.SSLError or OSError."""
    context = ssl.create_default_context(cafile=authority.path)
    if client:
        context.load_cert_chain(*client)
    host, _, port = house.receiver.http_address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=DEADLINE_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        wrapped.sendall(head(len(BODY)) + BODY)
        return wrapped.recv(2**16).partition(b"\r\n")[0]


def is_served_over_tls(
    house: House, authority: Authority, client: tuple[Path, Path] | None
) -> bool:
    try:
        return status_over_tls(house, authority, client) != b""
    except (ssl.SSLError, ConnectionError):
        return False


def put(source: tuple[Path, Path], target: tuple[Path, Path]) -> None:
    for old, new in zip(source, target, strict=True):
        new.write_bytes(old.read_bytes())


def test_certificates_are_replaced_without_a_restart(start: Start, tmp_path: Path) -> None:
    first, second = Authority.begin(tmp_path / "a"), Authority.begin(tmp_path / "b")
    served = (tmp_path / "cert.pem", tmp_path / "key.pem")
    put(first.sign("homeostat", serves=True), served)
    house = start(tls_cert_file=str(served[0]), tls_key_file=str(served[1]))
    assert exported(house, first)
    assert not exported(house, second)
    assert status_over_tls(house, first) == b"HTTP/1.1 200 OK"
    channel, call = secure(house, first)  # opened before, used after
    assert call(BODY, timeout=DEADLINE_S) == b""
    put(second.sign("homeostat", serves=True), served)
    wait_until(lambda: exported(house, second), "gRPC serves the new certificate")
    assert status_over_tls(house, second) == b"HTTP/1.1 200 OK"
    with pytest.raises(ssl.SSLCertVerificationError):
        status_over_tls(house, first)
    assert call(BODY, timeout=DEADLINE_S) == b""
    channel.close()


def test_a_client_must_show_a_certificate_where_there_is_an_authority(
    start: Start, brain: Brain, tmp_path: Path
) -> None:
    authority, other = Authority.begin(tmp_path / "a"), Authority.begin(tmp_path / "b")
    certificate, key = authority.sign("homeostat", serves=True)
    house = start(
        tls_cert_file=str(certificate),
        tls_key_file=str(key),
        tls_client_ca_file=str(authority.path),
    )
    cart, stranger = authority.sign("cart"), other.sign("stranger")
    assert exported(house, authority, cart)
    assert not exported(house, authority)
    assert not exported(house, authority, stranger)
    assert status_over_tls(house, authority, cart) == b"HTTP/1.1 200 OK"
    assert brain.table().column("principal").to_pylist() == ["certificate:localhost"] * 2
    assert not is_served_over_tls(house, authority, None)
    assert not is_served_over_tls(house, authority, stranger)


def test_a_silent_handshake_is_cut(start: Start, tmp_path: Path) -> None:
    certificate, key = Authority.begin(tmp_path).sign("homeostat", serves=True)
    house = start(tls_cert_file=str(certificate), tls_key_file=str(key), handshake_max_s=0.2)
    assert raw(house, b"\x16\x03\x01", more=True) == b""
    assert raw(house, b"GET / HTTP/1.1\r\n\r\n", more=True)[:1] in (b"\x15", b"")  # an alert
    sender = Sender(house.receiver.address)
    with pytest.raises(grpc.RpcError):
        sender.export(BODY)
    sender.close()
