"""How long a sender waits for its acknowledgement, at half of what the service can take.

For `memory` and `wal`: first the peak (closed loop), then an open loop at half of it. Each request
has a time at which it is due, and its latency counts from then, sent late or not, so a stall is
felt by all that fell due meanwhile (coordinated omission: Tene, "How NOT to Measure Latency").
Rounds are interleaved. Writes `out/bench-ack.json`; also a lower bound for this machine: how long
one fdatasync of the same size takes beside it.

    python -m bench.ack [--seconds 20] [--rounds 3]
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import numpy as np

from bench.payload import fresh, trace_requests
from bench.processes import free_ports, running
from bench.sender import EXPORT, Load, send, wait_until_acknowledged
from bench.targets import CONFIG, LATENESS_S

OUT: Final = Path("out") / "bench-ack.json"
SPANS_PER_REQUEST: Final = 512
IN_FLIGHT: Final = 8
DISTINCT: Final = 16
MODES: Final = ("memory", "wal")
GOAL_MS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One mode once; latencies in ms, rates in requests a second."""

    mode: str
    peak_per_s: float
    offered_per_s: float
    requests: int
    refused: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    load_1min: float


def _bodies() -> tuple[bytes, ...]:
    return trace_requests(
        DISTINCT, spans_per_request=SPANS_PER_REQUEST, start_unix_ns=time.time_ns()
    )


def _open_loop(address: str, per_s: float, seconds: float) -> tuple[list[float], int]:
    """Send one request each 1/per_s; return the latencies in ms, and how many were refused."""
    bodies = _bodies()
    latencies: list[float] = []
    refused: list[int] = []
    lock = threading.Lock()
    began_s = time.monotonic()

    def one(number: int) -> None:
        due_s = began_s + number / per_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        try:
            call(fresh(bodies[number % len(bodies)], number + 1), timeout=30)
        except grpc.RpcError:
            refused.append(number)
            return
        waited_ms = 1e3 * (time.monotonic() - due_s)
        with lock:
            latencies.append(waited_ms)

    with (
        grpc.insecure_channel(address) as channel,
        ThreadPoolExecutor(64) as threads,
    ):
        call = channel.unary_unary(EXPORT)
        for _ in threads.map(one, range(int(per_s * seconds))):
            pass
    return latencies, len(refused)


def _round(mode: str, seconds: float) -> Round:
    with tempfile.TemporaryDirectory(prefix="ack-", dir=Path.cwd() / "out") as directory:
        grpc_port, http_port = free_ports(2)
        config = Path(directory) / "homeostat.yaml"
        settings = CONFIG.format(
            directory=directory, grpc=grpc_port, http=http_port, lateness=LATENESS_S
        )
        config.write_text(settings.replace("receiver:\n", f"receiver:\n  durability: {mode}\n"))
        command = [sys.executable, "-m", "homeostat", "run", "--config", str(config)]
        address = f"127.0.0.1:{grpc_port}"
        with running(command):
            bodies = _bodies()
            wait_until_acknowledged(address, bodies[0], ended=lambda: False)
            load = Load(
                bodies=bodies,
                requests=10**9,
                seconds=seconds / 4,
                in_flight=IN_FLIGHT,
                compression="none",
            )
            began_s = time.monotonic()
            peak_per_s = send(address, load) / (time.monotonic() - began_s)
            latencies, refused = _open_loop(address, peak_per_s / 2, seconds)
    p50, p99 = np.percentile(latencies, [50, 99])
    return Round(
        mode=mode,
        peak_per_s=round(peak_per_s, 1),
        offered_per_s=round(peak_per_s / 2, 1),
        requests=len(latencies),
        refused=refused,
        p50_ms=round(float(p50), 2),
        p99_ms=round(float(p99), 2),
        max_ms=round(max(latencies), 2),
        load_1min=round(os.getloadavg()[0], 1),
    )


def _syncs_ms(count: int = 200) -> dict[str, float]:
    """How long the disk takes for what a request of ours takes in the log."""
    data, taken = os.urandom(100 * SPANS_PER_REQUEST), []
    with tempfile.NamedTemporaryFile(dir=Path.cwd() / "out") as file:
        for _ in range(count):
            began_s = time.monotonic()
            os.write(file.fileno(), data)
            os.fdatasync(file.fileno())
            taken.append(1e3 * (time.monotonic() - began_s))
    p50, p99 = np.percentile(taken, [50, 99])
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2)}


def _summary(rounds: list[Round]) -> dict[str, Any]:
    modes = {}
    for mode in MODES:
        own = [one for one in rounds if one.mode == mode]
        modes[mode] = {
            "p50_ms": float(np.median([one.p50_ms for one in own])),
            "p99_ms": float(np.median([one.p99_ms for one in own])),
            "offered_spans_per_s": float(
                np.median([one.offered_per_s * SPANS_PER_REQUEST for one in own])
            ),
        }
    return {
        "modes": modes,
        "goal_ms_p99_memory": GOAL_MS,
        "holds": modes["memory"]["p99_ms"] <= GOAL_MS,
    }


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="latency of acknowledgements at half load")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    OUT.parent.mkdir(exist_ok=True)
    rounds = []
    for _ in range(arguments.rounds):
        for mode in MODES:
            rounds.append(_round(mode, arguments.seconds))
            print(rounds[-1])
    told = {
        **_summary(rounds),
        "disk": _syncs_ms(),
        "spans_per_request": SPANS_PER_REQUEST,
        "cores": os.cpu_count(),
        "rounds": [asdict(one) for one in rounds],
    }
    OUT.write_text(json.dumps(told, indent=2) + "\n")
    print(json.dumps({key: told[key] for key in ("modes", "disk", "holds")}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
