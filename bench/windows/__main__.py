"""`make bench-windows`: what windows and detectors cost, from ten services to ten thousand.

A window of so many spans over so many services, in panes, through the functions that the brain
calls: panes, window tables, one look of the analysis. CPU seconds of the whole process (all
threads) and wall seconds; the wall is that of the machine as it was. Exits 0 whatever it measured;
writes out/bench-windows.json.
"""

import argparse
import json
import os
import platform
import resource
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from analysis.baselines import Baselines
from analysis.settings import AnalysisSettings
from analysis.slices import Batch, TelemetrySlice
from analysis.step import AnalysisState, step
from analysis.watch import Watch, look
from knowledge.schemas import LABEL, SPANS

S: Final = 10**9
WINDOW_S: Final = 60
PANE_S: Final = 5
PODS: Final = 3
SETTINGS: Final = AnalysisSettings()
BATCHES_PER_PANE: Final = 25


def _labels(codes: np.ndarray, names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(names, pa.string())
    ).cast(LABEL)


def _ids(rng: np.random.Generator, count: int, size: int) -> pa.Array:
    offsets = np.arange(0, (count + 1) * size, size, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(rng.bytes(count * size))]
    return pa.Array.from_buffers(pa.binary(), count, buffers)


def batch(
    rng: np.random.Generator, spans: int, services: int, operations: int, start_unix_ns: int
) -> Batch:
    """Spans as a receiver hands them over: requests, and a call within each."""
    pairs = spans // 2
    service = rng.integers(0, services, 2 * pairs)
    operation = rng.integers(0, operations, 2 * pairs)
    pod = service * PODS + rng.integers(0, PODS, 2 * pairs)
    end = start_unix_ns + np.sort(rng.integers(0, PANE_S * S // BATCHES_PER_PANE, 2 * pairs))
    duration = (rng.lognormal(2.0, 1.0, 2 * pairs) * 1e6).astype(np.int64)
    traces, ids = _ids(rng, pairs, 16), _ids(rng, 2 * pairs, 8)
    none = pa.array([b""], pa.binary())
    first_of_pair = np.arange(0, 2 * pairs, 2)
    names = [f"svc-{index}" for index in range(services)]
    kind = np.tile(np.array([2, 3], np.uint8), pairs)
    columns: dict[str, Any] = {
        "trace_id": traces.take(pa.array(np.repeat(np.arange(pairs), 2))),
        "span_id": ids,
        "parent_span_id": pa.concat_arrays([none, ids]).take(
            pa.array(np.stack([np.zeros(pairs, np.int64), first_of_pair + 1], 1).ravel())
        ),
        "start_unix_ns": pa.array(end - duration),
        "end_unix_ns": pa.array(end),
        "kind": pa.array(kind),
        "name": _labels(operation, [f"GET /op/{n}" for n in range(operations)]).cast(pa.string()),
        "is_error": pa.array(rng.random(2 * pairs) < 0.001),
        "is_answered": pa.array(kind == 3),
        "peer": _labels(np.where(kind == 3, service + 1, 0), ["", *names]),
        "address": _labels(np.zeros(2 * pairs), [""]),
        "namespace": _labels(np.zeros(2 * pairs), ["shop"]),
        "service": _labels(service, names),
        "version": _labels(np.zeros(2 * pairs), ["1"]),
        "pod": _labels(pod, [f"pod-{n}" for n in range(services * PODS)]),
        "principal": _labels(np.zeros(2 * pairs), [""]),
        "is_verified": pa.array(np.zeros(2 * pairs, np.bool_)),
        "pod_uid": _labels(pod, [f"uid-{n}" for n in range(services * PODS)]),
    }
    rows = pa.Table.from_arrays([columns[f.name] for f in SPANS], schema=SPANS)
    return Batch(rows=rows, oldest_unix_ns=int(end[0]), newest_unix_ns=int(end[-1]))


def slices(services: int, operations: int, spans: int) -> list[TelemetrySlice]:
    """All panes of one window, each with its look-back."""
    rng = np.random.default_rng(1)
    panes = WINDOW_S // PANE_S
    per_batch = spans // (panes * BATCHES_PER_PANE)
    step_ns = PANE_S * S // BATCHES_PER_PANE
    batches = [
        batch(rng, per_batch, services, operations, index * step_ns)
        for index in range(panes * BATCHES_PER_PANE)
    ]
    found = []
    for pane in range(panes):
        first = max(0, pane - int(SETTINGS.lookback_s) // PANE_S) * BATCHES_PER_PANE
        last = (pane + 1) * BATCHES_PER_PANE
        found.append(
            TelemetrySlice(
                signal="traces",
                start_unix_ns=first * step_ns,
                end_unix_ns=(pane + 1) * PANE_S * S,
                batches=tuple(batches[first:last]),
            )
        )
    return found


def measured(services: int, operations: int, spans: int) -> dict[str, float]:
    """Build a whole window, then look once with baselines that are warm."""
    parts = slices(services, operations, spans)
    cpu, wall = time.process_time(), time.perf_counter()
    watch, tables = look(Watch(next_unix_ns=0), tuple(parts), settings=SETTINGS)
    window_cpu, window_wall = time.process_time() - cpu, time.perf_counter() - wall
    state = AnalysisState(first_data_unix_ns=0, baselines=Baselines())
    for _ in range(2):
        cpu, wall = time.process_time(), time.perf_counter()
        state, output = step(
            state, tables, None, frozenset(), settings=SETTINGS, now_unix_ns=WINDOW_S * S
        )
        look_cpu, look_wall = time.process_time() - cpu, time.perf_counter() - wall
    cpu, wall = time.process_time(), time.perf_counter()
    look(watch, (parts[-1],), settings=SETTINGS)
    return {
        "services": services,
        "operations": operations,
        "spans": spans,
        "window_cpu_s": round(window_cpu, 3),
        "window_wall_s": round(window_wall, 3),
        "detectors_cpu_s": round(look_cpu, 3),
        "detectors_wall_s": round(look_wall, 3),
        "tick_cpu_s": round(time.process_time() - cpu + look_cpu, 3),
        "tick_wall_s": round(time.perf_counter() - wall + look_wall, 3),
        "symptoms": len(output.symptoms),
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> int:
    """Measure each size, write, print."""
    parser = argparse.ArgumentParser(prog="bench.windows", description=__doc__)
    parser.add_argument("--spans", type=int, default=5_000_000)
    parser.add_argument("--services", type=int, nargs="*", default=[10, 100, 200, 1_000, 10_000])
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    rows = []
    for services in options.services:
        rows.append(measured(services, 20, options.spans))
        print(json.dumps(rows[-1]), flush=True)
    machine = {"system": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg()}
    options.out.mkdir(parents=True, exist_ok=True)
    scores = json.dumps({"machine": machine, "rows": rows}, indent=2)
    (options.out / "bench-windows.json").write_text(scores + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
