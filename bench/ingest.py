"""Spans per CPU-second of the whole process tree, beside Rotel: `python -m bench.ingest`.

Homeostat decodes, hands over, holds and analyses; Rotel decodes and discards. The same client sends
the same bytes to both in interleaved rounds, and each acknowledgement is checked. CPU time is what
the kernel charged to all processes of the target until all that was sent has been in a window, so
the figure holds even where the client is the bottleneck. Writes `out/bench-ingest.json` (medians)
and `out/bench-ingest-rounds.json`.
"""

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

from bench.payload import trace_requests
from bench.processes import free_ports, has_ended, running, tree_cpu_s
from bench.sender import COMPRESSIONS, Load, send, wait_until_acknowledged
from bench.targets import TARGETS, Target

OUT: Final = Path("out")
ROUNDS: Final = 3
CELL_S: Final = 3.5
WARM_UP_S: Final = 1.0
BODIES: Final = {512: 32, 8192: 4}
"""Different requests by their number of spans."""

IN_FLIGHT: Final = {512: 16, 8192: 6}
SPANS_MAX: Final = 6_000_000
"""Bound of one cell; the time ends it first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure: what was sent to whom, and what it cost."""

    target: str
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


def _measure(target: Target, pid: int, address: str, number: int) -> list[Cell]:
    """Run all cells of one round against a target that is up."""
    cells = []
    for compression in COMPRESSIONS:
        for size, count in BODIES.items():
            bodies = trace_requests(count, spans_per_request=size, start_unix_ns=time.time_ns())
            load = Load(
                bodies=bodies,
                requests=SPANS_MAX // size,
                seconds=CELL_S,
                in_flight=IN_FLIGHT[size],
                compression=compression,
            )
            cpu_s, start_s = tree_cpu_s(pid), time.monotonic()
            requests = send(address, load)
            sent_s = time.monotonic() - start_s
            time.sleep(target.settle_s)
            cells.append(
                Cell(
                    target=target.name,
                    compression=compression,
                    spans_per_request=size,
                    round=number,
                    spans=requests * size,
                    seconds=sent_s,
                    cpu_s=tree_cpu_s(pid) - cpu_s,
                )
            )
    return cells


def _round(target: Target, number: int) -> list[Cell]:
    warm_up = trace_requests(BODIES[512], spans_per_request=512, start_unix_ns=time.time_ns())
    grpc_port, http_port = free_ports(2)
    address = f"127.0.0.1:{grpc_port}"
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
        return _measure(target, pid, address, number)


def _medians(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, int], list[float]] = {}
    for cell in cells:
        key = (cell.target, cell.compression, cell.spans_per_request)
        groups.setdefault(key, []).append(cell.spans_per_cpu_s)
    return [
        {
            "target": target,
            "transport": "grpc",
            "compression": compression,
            "spans_per_request": size,
            "spans_per_cpu_s": round(statistics.median(figures)),
        }
        for (target, compression, size), figures in groups.items()
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
    table = Table(title="thousand spans per CPU-second, whole process tree, gRPC")
    for heading in ("spans/request", "compression", *(target.name for target in TARGETS), "ratio"):
        table.add_column(heading, justify="right")
    figures = {
        (entry["spans_per_request"], entry["compression"], entry["target"]): entry[
            "spans_per_cpu_s"
        ]
        for entry in medians
    }
    ours, other = (target.name for target in TARGETS)
    for size, compression in sorted({key[:2] for key in figures}):
        mine = figures.get((size, compression, ours))
        theirs = figures.get((size, compression, other))
        table.add_row(
            f"{size:,}",
            compression,
            f"{mine / 1e3:,.0f}" if mine else "-",
            f"{theirs / 1e3:,.0f}" if theirs else "-",
            f"{mine / theirs:.2f}" if mine and theirs else "-",
        )
    return table


def main() -> int:
    """Measure, print, write; returns 0 whatever was measured."""
    console = Console()
    machine = _machine()
    cells: list[Cell] = []
    failures: list[str] = []
    for number in range(1, ROUNDS + 1):
        for target in TARGETS:
            console.print(f"round {number} of {ROUNDS}: {target.name}")
            try:
                cells += _round(target, number)
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
