"""Spans per CPU-second of the whole process tree, beside collectors: `python -m bench.ingest`.

Homeostat decodes, hands over, holds and analyses; Rotel and the Collector decode and discard, or
the Collector counts by span_metrics. The same client sends the same bytes to all in interleaved
rounds, and each acknowledgement is checked. CPU time is what the kernel charged to all processes of
the target until all that was sent has been in a window, so the figure holds even where the client
is the bottleneck. Writes `out/bench-ingest.json` (medians) and `out/bench-ingest-rounds.json`.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.http_sender import send_over_http
from bench.payload import trace_requests
from bench.processes import free_ports, has_ended, running, tree_cpu_s
from bench.sender import Load, send, wait_until_acknowledged
from bench.targets import TARGETS, Target

OUT: Final = Path("out")
ROUNDS: Final = 3
CELL_S: Final = 3.5
WARM_UP_S: Final = 1.0
BODIES: Final = {1: 64, 512: 32, 8192: 4}
"""Different requests by their number of spans."""

IN_FLIGHT: Final = {1: 32, 512: 16, 8192: 6}
SPANS_MAX: Final = 6_000_000
"""Bound of one cell; the time ends it first."""

SENDERS: Final = {"grpc": send, "http": send_over_http}
CELLS: Final = (
    ("grpc", "none", 1),
    ("grpc", "none", 512),
    ("grpc", "none", 8192),
    ("grpc", "gzip", 512),
    ("grpc", "gzip", 8192),
    ("http", "none", 1),
    ("http", "none", 512),
    ("http", "none", 8192),
    ("http", "gzip", 512),
)
"""Transport, compression and spans per request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure: what was sent to whom, and what it cost."""

    target: str
    transport: str
    compression: str
    spans_per_request: int
    round: int
    spans: int
    seconds: float
    cpu_s: float

    @property
    def spans_per_cpu_s(self) -> float:
        """The figure of merit."""
        return self.spans / self.cpu_s


def _measure(
    target: Target, pid: int, addresses: dict[str, str], number: int, seconds: float
) -> list[Cell]:
    """Run all cells of one round against a target that is up."""
    cells = []
    for transport, compression, size in CELLS:
        bodies = trace_requests(BODIES[size], spans_per_request=size, start_unix_ns=time.time_ns())
        load = Load(
            bodies=bodies,
            requests=SPANS_MAX // size,
            seconds=seconds,
            in_flight=IN_FLIGHT[size],
            compression=compression,
        )
        cpu_s, start_s = tree_cpu_s(pid), time.monotonic()
        requests = SENDERS[transport](addresses[transport], load)
        sent_s = time.monotonic() - start_s
        time.sleep(target.settle_s)
        cells.append(
            Cell(
                target=target.name,
                transport=transport,
                compression=compression,
                spans_per_request=size,
                round=number,
                spans=requests * size,
                seconds=sent_s,
                cpu_s=tree_cpu_s(pid) - cpu_s,
            )
        )
    return cells


def _round(target: Target, number: int, seconds: float) -> list[Cell]:
    warm_up = trace_requests(BODIES[512], spans_per_request=512, start_unix_ns=time.time_ns())
    grpc_port, http_port = free_ports(2)
    address = f"127.0.0.1:{grpc_port}"
    addresses = {"grpc": address, "http": f"127.0.0.1:{http_port}"}
    with (
        tempfile.TemporaryDirectory() as directory,
        running(target.command(grpc_port, http_port, Path(directory))) as pid,
    ):
        wait_until_acknowledged(address, warm_up[0], ended=lambda: has_ended(pid))
        send(
            address,
            Load(
                bodies=warm_up,
                requests=10_000,
                seconds=WARM_UP_S,
                in_flight=IN_FLIGHT[512],
                compression="none",
            ),
        )
        return _measure(target, pid, addresses, number, seconds)


def _medians(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str, int], list[float]] = {}
    for cell in cells:
        key = (cell.target, cell.transport, cell.compression, cell.spans_per_request)
        groups.setdefault(key, []).append(cell.spans_per_cpu_s)
    return [
        {
            "target": target,
            "transport": transport,
            "compression": compression,
            "spans_per_request": size,
            "spans_per_cpu_s": round(statistics.median(figures)),
        }
        for (target, transport, compression, size), figures in groups.items()
    ]


def _machine() -> dict[str, Any]:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_1min": os.getloadavg()[0],
        "python": platform.python_version(),
        "kernel": platform.release(),
        "versions": {target.name: target.version() for target in TARGETS}
        | {name: version(name) for name in ("grpcio", "protobuf", "ptars", "pyarrow", "polars")},
    }


def _table(medians: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="thousand spans per CPU-second, whole process tree (ours over theirs)")
    names = [target.name for target in TARGETS]
    for heading in ("over", "spans/request", "compression", *names):
        table.add_column(heading, justify="right")
    keys = ("transport", "compression", "spans_per_request", "target")
    figures = {tuple(entry[key] for key in keys): entry["spans_per_cpu_s"] for entry in medians}
    for transport, compression, size in CELLS:
        found = [figures.get((transport, compression, size, name)) for name in names]
        mine = found[0]
        shown = [f"{mine / 1e3:,.1f}" if mine else "-"]
        for theirs in found[1:]:
            ratio = f" ({mine / theirs:.2f})" if mine and theirs else ""
            shown.append(f"{theirs / 1e3:,.1f}{ratio}" if theirs else "-")
        table.add_row(transport, f"{size:,}", compression, *shown)
    return table


def main() -> int:
    """Measure, print, write; returns 0 whatever was measured."""
    parser = argparse.ArgumentParser(prog="bench.ingest")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=CELL_S, help="of each cell")
    wanted = parser.parse_args()
    console = Console()
    machine = _machine()
    cells: list[Cell] = []
    failures: list[str] = []
    for number in range(1, wanted.rounds + 1):
        for target in TARGETS:
            console.print(f"round {number} of {wanted.rounds}: {target.name}")
            try:
                cells += _round(target, number, wanted.seconds)
            except Exception as error:  # noqa: BLE001 - the other target's figures still count
                failures.append(f"round {number}, {target.name}: {error!r}"[:2000])
                console.print(failures[-1], markup=False)
    medians = _medians(cells)
    console.print(_table(medians))
    console.print(machine)
    rounds = [asdict(cell) | {"spans_per_cpu_s": round(cell.spans_per_cpu_s)} for cell in cells]
    detail = {"machine": machine, "rounds": rounds, "failures": failures}
    OUT.mkdir(exist_ok=True)
    (OUT / "bench-ingest.json").write_text(json.dumps(medians, indent=2) + "\n")
    (OUT / "bench-ingest-rounds.json").write_text(json.dumps(detail, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
