"""Score receivers of OTLP: `python -m tests.conformance.run [host:port ...]`.

With endpoints: each is asked whether it speaks HTTP or gRPC, and scored. Without: Homeostat, the
Collector and Rotel are started one after the other and scored over both; the table goes into
docs/conformance.md. The figures always go into out/conformance.json.
"""

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.processes import free_ports, running
from bench.targets import TARGETS, Target
from tests.conformance.check import Failure, Suite, Transport
from tests.conformance.in_json import IN_JSON
from tests.conformance.over_grpc import GRPC
from tests.conformance.over_http import HTTP
from tests.conformance.payload import trace
from tests.conformance.report import document, summary

ROOT: Final = Path(__file__).parents[2]
SUITES: Final[Mapping[Transport, tuple[Suite, ...]]] = {"grpc": (GRPC,), "http": (HTTP, IN_JSON)}
TOTAL: Final = sum(len(suite.checks) for suites in SUITES.values() for suite in suites)
SCORED: Final = ("homeostat", "otelcol", "rotel")
READY_WITHIN_S: Final = 60.0


def score(endpoints: Mapping[Transport, str], *, large: bool = True) -> tuple[int, list[Failure]]:
    """Return how many checks were run at the endpoints, and which failed."""
    suites = [(suite, at) for transport, at in endpoints.items() for suite in SUITES[transport]]
    failures = [failure for suite, at in suites for failure in suite.run(at, large=large)]
    count = sum(large or not check.is_large for suite, _ in suites for check in suite.checks)
    return count, failures


def transport_of(endpoint: str) -> Transport:
    """Return what an endpoint speaks: a gRPC server does not answer HTTP/1.1."""
    connection = http.client.HTTPConnection(endpoint, timeout=5)
    try:
        connection.request("POST", "/v1/traces", b"", {"Content-Type": "application/x-protobuf"})
        connection.getresponse().read()
    except (http.client.HTTPException, ConnectionResetError, TimeoutError):
        return "grpc"
    else:
        return "http"
    finally:
        connection.close()


def _wait_until_it_takes(endpoint: str) -> None:
    until_s = time.monotonic() + READY_WITHIN_S
    headers = {"Content-Type": "application/x-protobuf"}
    body = trace().SerializeToString()
    while True:
        connection = http.client.HTTPConnection(endpoint, timeout=5)
        try:
            connection.request("POST", "/v1/traces", body, headers)
            status = connection.getresponse().status
            if status == http.client.OK:
                return
            said = f"answered {status}"
        except (OSError, http.client.HTTPException) as error:
            said = str(error)
        finally:
            connection.close()
        if time.monotonic() > until_s:
            raise RuntimeError(f"{endpoint} takes nothing: {said}")
        time.sleep(0.2)


def _score_target(target: Target) -> tuple[int, list[Failure]]:
    grpc_port, http_port = free_ports(2)
    endpoints: dict[Transport, str] = {
        "grpc": f"127.0.0.1:{grpc_port}",
        "http": f"127.0.0.1:{http_port}",
    }
    with (
        tempfile.TemporaryDirectory() as directory,
        running(target.command(grpc_port, http_port, Path(directory))),
    ):
        _wait_until_it_takes(endpoints["http"])
        return score(endpoints)


def main(arguments: list[str]) -> int:
    """Score, print and write; return 1 if Homeostat, or what was asked for, does not pass."""
    parser = argparse.ArgumentParser(prog="tests.conformance.run")
    parser.add_argument("endpoint", nargs="*", help="host:port of a receiver that runs")
    endpoints = parser.parse_args(arguments).endpoint
    scores: dict[str, tuple[int, list[Failure]]] = {}
    versions: dict[str, str] = {}
    if endpoints:
        for endpoint in endpoints:
            scores[endpoint] = score({transport_of(endpoint): endpoint})
    else:
        for target in (target for target in TARGETS if target.name in SCORED):
            try:
                versions[target.name] = target.version()
                scores[target.name] = _score_target(target)
            except (OSError, RuntimeError) as error:
                sys.stderr.write(f"{target.name} is not scored: {error}\n")
        (ROOT / "docs" / "conformance.md").write_text(document(scores, versions))
    sys.stdout.write(summary(scores))
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    (out / "conformance.json").write_text(json.dumps(_figures(scores), indent=2) + "\n")
    judged = endpoints or ["homeostat"]
    return int(any(name not in scores or scores[name][1] for name in judged))


def _figures(scores: Mapping[str, tuple[int, list[Failure]]]) -> dict[str, Any]:
    return {
        name: {
            "passed": total - len(failures),
            "total": total,
            "failed": [failure.check.name for failure in failures],
        }
        for name, (total, failures) in scores.items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
