"""Three times more than it can take, and one client at ten times its share: `make bench-overload`.

The service runs as a user starts it, on core 0; senders that obey OTLP run on the others. Judged:
what was acknowledged and is not there, what was refused for good, resident memory beside the
configured limit, accepted spans beside the peak (as they are, and per CPU-second of the service,
which other work on the machine does not touch). Writes `out/overload.json` with raw timelines.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.overload.client import Order
from bench.payload import trace_requests
from bench.processes import free_ports, has_ended, running, tree_cpu_s
from bench.sender import wait_until_acknowledged

OUT: Final = Path("out/overload.json")
MEMORY_BYTES_MAX: Final = 512 * 2**20
BRAIN_BYTES_MAX: Final = 4 * 2**30
SPANS: Final = 2048
PEAK_CONSUMERS: Final = 24
ADVISED_S: Final = 1.5
OVERLOAD: Final = 3.0
GREEDY: Final = 10.0
TOKENS: Final = {name: name.ljust(32, "x") for name in ("first", "second")}
CONFIG: Final = """\
state_dir: {directory}/state
knowledge: {{journal: {directory}/journal.db}}
receiver:
  grpc: {{listen: "127.0.0.1:{grpc}"}}
  http: {{listen: "127.0.0.1:0"}}
  principals_file: {directory}/principals.yaml
  memory_bytes_max: {memory}
status: {{listen: "127.0.0.1:{web}"}}
analysis: {{lateness_s: 1.0, retention_s: 17.0, memory_bytes_max: {brain_memory}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service: its process and its addresses."""

    pid: int
    otlp: str
    web: str

    def status(self) -> Any:
        """Return /status."""
        with urllib.request.urlopen(f"http://{self.web}/status", timeout=30) as reply:
            return json.load(reply)

    def rows(self) -> int:
        """Return how many spans the brain has taken."""
        return sum(one["rows"] for one in self.status()["ingest"] if one["signal"] == "traces")

    def resident_bytes(self) -> dict[str, int]:
        """Return the resident memory of the children, by what they are."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                status = (entry / "status").read_text() if entry.name.isdigit() else ""
                command = (entry / "cmdline").read_text() if status else ""
            except OSError:
                continue
            told = dict(line.split(":", 1) for line in status.splitlines())
            if not told or int(told["PPid"]) != self.pid or "VmRSS" not in told:
                continue
            name = "receiver" if "receiver_child" in command else "brain"
            found[name] = int(told["VmRSS"].split()[0]) * 1024
        return found


@contextmanager
def service() -> Iterator[Service]:
    """Start the service, and stop it at the end."""
    grpc_port, web_port = free_ports(2)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        principals = {who: {"tokens": [token], "services": ["*"]} for who, token in TOKENS.items()}
        (directory / "principals.yaml").write_text(json.dumps({"principals": principals}))
        config = directory / "homeostat.yaml"
        config.write_text(
            CONFIG.format(
                directory=directory,
                grpc=grpc_port,
                web=web_port,
                memory=MEMORY_BYTES_MAX,
                brain_memory=BRAIN_BYTES_MAX,
            )
        )
        command = [sys.executable, "-m", "homeostat", "run", "--config", str(config)]
        with running(["taskset", "-c", "0", *command]) as pid:
            found = Service(pid=pid, otlp=f"127.0.0.1:{grpc_port}", web=f"127.0.0.1:{web_port}")
            body = trace_requests(1, spans_per_request=1, start_unix_ns=time.time_ns())[0]
            wait_until_acknowledged(
                found.otlp, body, ended=lambda: has_ended(pid), token=TOKENS["first"]
            )
            yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What some senders got done in the same time, and what it took."""

    seconds: float
    cpu_s: float
    client_cpu_s: float
    rows: int
    resident_bytes: dict[str, list[int]]
    tallies: list[dict[str, Any]]

    def accepted_per_s(self, sender: int) -> float:
        """Spans acknowledged by second while the phase lasted, after queues have filled."""
        by_second = self.tallies[sender]["by_second"]
        begin = self.seconds / 4
        done = sum(n for second, n in by_second.items() if begin <= int(second) < self.seconds)
        return SPANS * int(done) / (self.seconds - begin)

    @property
    def per_cpu_s(self) -> float:
        """Spans acknowledged by CPU-second of the service."""
        return SPANS * sum(int(one["acknowledged"]) for one in self.tallies) / self.cpu_s


def _ended_cpu_s() -> float:
    """Return the CPU time of our children that have ended: the senders so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(target: Service, *orders: Order) -> Phase:
    """Carry out orders side by side."""
    rows, cpu_s, client_cpu_s = target.rows(), tree_cpu_s(target.pid), _ended_cpu_s()
    resident: dict[str, list[int]] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.25):
            for name, size in target.resident_bytes().items():
                resident.setdefault(name, []).append(size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0) - {0}) or [0]))
    senders = [
        subprocess.Popen(
            [
                "taskset",
                "-c",
                cores,
                sys.executable,
                "-m",
                "bench.overload.client",
                json.dumps(asdict(order)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for order in orders
    ]
    told = [sender.communicate()[0] for sender in senders]
    time.sleep(1.0)
    over.set()
    watcher.join()
    return Phase(
        seconds=orders[0].seconds,
        cpu_s=tree_cpu_s(target.pid) - cpu_s,
        client_cpu_s=_ended_cpu_s() - client_cpu_s,
        rows=target.rows() - rows,
        resident_bytes=resident,
        tallies=[json.loads(text) for text in told],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="of the overload")
    parser.add_argument("--peak-seconds", type=float, default=25.0)
    told = parser.parse_args(arguments)
    with service() as target:
        order = Order(
            address=target.otlp,
            token=TOKENS["first"],
            consumers=PEAK_CONSUMERS,
            rate_per_s=0.0,
            seconds=told.peak_seconds,
            spans_per_request=SPANS,
            seed=1,
        )
        run(target, replace(order, seconds=10.0, seed=2))  # caches warm, buffers full
        phases = {"peak before": run(target, order)}
        peak_per_s = phases["peak before"].accepted_per_s(0) / SPANS
        crowd = round(PEAK_CONSUMERS + (OVERLOAD - 1) * peak_per_s * ADVISED_S)
        phases["overload"] = run(
            target, replace(order, consumers=crowd, seconds=told.seconds, seed=3)
        )
        phases["peak after"] = run(target, replace(order, seed=4))
        modest = replace(
            order,
            token=TOKENS["second"],
            consumers=100,
            rate_per_s=0.4 * peak_per_s,
            seconds=told.seconds / 4,
            seed=5,
        )
        greedy_crowd = round(PEAK_CONSUMERS + (GREEDY / 2 - 0.6) * peak_per_s * ADVISED_S)
        phases["alone"] = run(target, modest)
        phases["beside a greedy one"] = run(
            target,
            replace(modest, seed=6),
            replace(order, consumers=greedy_crowd, seconds=told.seconds / 4, seed=7),
        )
    report(phases)


def report(phases: dict[str, Phase]) -> None:
    """Print the figures and write them with all timelines."""
    peaks = (phases["peak before"], phases["peak after"])
    overload = phases["overload"]
    tally = overload.tallies[0]
    peak_per_s = sum(peak.accepted_per_s(0) for peak in peaks) / 2
    peak_per_cpu_s = sum(peak.per_cpu_s for peak in peaks) / 2
    tallies = [one for phase in phases.values() for one in phase.tallies]
    figures = {
        "offered_to_peak": tally["attempts"] * SPANS / overload.seconds / peak_per_s,
        "acknowledged_but_lost": sum(
            max(0, SPANS * sum(one["acknowledged"] for one in phase.tallies) - phase.rows)
            for phase in phases.values()
        ),
        "refused_and_dropped": sum(one["dropped"] for one in tallies),
        "unfinished": sum(one["unfinished"] for one in tallies),
        "goodput_to_peak": overload.accepted_per_s(0) / peak_per_s,
        "goodput_to_peak_per_cpu_s": overload.per_cpu_s / peak_per_cpu_s,
        "peak_spans_per_s": peak_per_s,
        "receiver_resident_max_to_limit": max(overload.resident_bytes["receiver"])
        / MEMORY_BYTES_MAX,
        "brain_resident_max_to_limit": max(overload.resident_bytes["brain"]) / BRAIN_BYTES_MAX,
        "service_cores": overload.cpu_s / overload.seconds,
        "client_cores": overload.client_cpu_s / overload.seconds,
        "modest_client_kept": phases["beside a greedy one"].accepted_per_s(0)
        / phases["alone"].accepted_per_s(0),
        "advised_s": [min(tally["advised_s"], default=0), max(tally["advised_s"], default=0)],
        "ends": tally["ends"],
    }
    for name, value in figures.items():
        print(f"{name:32} {value:.3f}" if isinstance(value, float) else f"{name:32} {value}")
    OUT.parent.mkdir(exist_ok=True)
    document = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load": os.getloadavg(),
        },
        **figures,
        "phases": {name: asdict(phase) for name, phase in phases.items()},
    }
    OUT.write_text(json.dumps(document))


if __name__ == "__main__":
    main()
