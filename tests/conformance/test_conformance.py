"""Our receiver passes the whole suite, and the suite can fail."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from receiver.settings import ReceiverSettings
from tests.conformance.report import document, summary
from tests.conformance.run import SUITES, TOTAL, score, transport_of
from tests.receiver.house import Brain, House

LARGE = [
    check for suites in SUITES.values() for s in suites for check in s.checks if check.is_large
]
"""Left to `make conformance`: they take seconds each."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    brain = Brain(tmp_path / "brain.sock")
    brain.start()
    settings = ReceiverSettings(
        brain_socket=str(brain.path), grpc_listen="127.0.0.1:0", http_listen="127.0.0.1:0"
    )
    house = House(settings)
    yield house
    house.stop()
    brain.stop()


@pytest.fixture
def polite_liar() -> Iterator[str]:
    """A server that answers 200 to everything, in text."""

    class Liar(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"fine")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_our_receiver_does_all_that_otlp_asks_for(house: House) -> None:
    grpc, http = house.receiver.address, house.receiver.http_address
    assert (transport_of(grpc), transport_of(http)) == ("grpc", "http")
    total, failures = score({"grpc": grpc, "http": http}, large=False)
    assert total == TOTAL - len(LARGE)
    assert not failures, summary({"ours": (total, failures)})


def test_each_check_of_http_fails_a_server_that_only_says_yes(polite_liar: str) -> None:
    total, failures = score({"http": polite_liar}, large=False)
    checks = [check for suite in SUITES["http"] for check in suite.checks if not check.is_large]
    passed = {check.name for check in checks} - {failure.check.name for failure in failures}
    assert total == len(checks)
    assert passed == {"http/plain answer"}, "it does compress nothing"
    text = document({"liar": (total, failures)}, {"liar": "1"})
    assert f"| liar | 1 | 1 | {total} |" in text
    assert "| http/GET | Requests are sent by POST, others are answered 405." in text


def test_each_check_of_grpc_fails_where_nobody_listens() -> None:
    total, failures = score({"grpc": "127.0.0.1:1"}, large=False)
    assert len(failures) == total
