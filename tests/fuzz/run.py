"""Mutated requests through check and decoder: `python -m tests.fuzz.run [--count N] [--seed N]`.

Each batch has an honest request in it, which must come out whole. What may happen to the others is
a refusal with a reason, or rows; anything else ends the run with the batch's seed. A death of this
process is a finding too: with --verbose the seed of a batch is printed before it is tried.
"""

import argparse
import random
import sys
import time
from typing import Final

import pyarrow as pa

from analysis.metered import Metered, table_of
from analysis.slices import Batch, TelemetrySlice
from knowledge.schemas import SIGNALS, Signal
from receiver.decode import Decoded, decode
from receiver.otlp_json import to_protobuf
from receiver.refusal import Refusal
from tests.conformance import payload
from tests.fuzz.corpus import mutate, seeds

BATCH: Final = 64
ITEMS_MAX: Final = 10_000
EXPECTED: Final = {"malformed", "too_many_items"}


class FindingError(AssertionError):
    """A request that was not handled; the text says how to get it again."""


def try_batch(signal: Signal, seed: int) -> None:
    """Decode a batch of mutated requests together.

    Raises:
        FindingError: an outcome that has no place in OTLP, or a neighbour that paid for another.
    """
    rng = random.Random(seed)
    honest = payload.of(signal).SerializeToString()
    bodies = [mutate(rng.choice(seeds(signal)), rng) for _ in range(BATCH - 1)]
    decoded = decode(signal, [*bodies, honest], items_max=ITEMS_MAX)
    plain = decode(signal, [*bodies, honest], items_max=ITEMS_MAX, engine="reference")
    outcomes = decoded.outcomes
    if not _is_same(decoded, plain):
        raise FindingError(f"{signal} seed {seed}: the engines do not agree")
    if outcomes[-1] != {}:
        raise FindingError(f"{signal} seed {seed}: the honest request got {outcomes[-1]}")
    if signal == "metrics":
        _analyse(decoded.rows, seed)
    for outcome in outcomes:
        if isinstance(outcome, Refusal) and outcome.reason not in EXPECTED:
            raise FindingError(f"{signal} seed {seed}: {outcome}")


def _is_same(one: Decoded, other: Decoded) -> bool:
    """Whether both refuse the same requests and have the same rows; not a number is one, too."""
    refused, refused_too = (
        [getattr(outcome, "reason", outcome) for outcome in decoded.outcomes]
        for decoded in (one, other)
    )
    is_same_rows = one.rows.equals(other.rows) or (
        repr(one.rows.to_pylist()) == repr(other.rows.to_pylist())
    )
    return refused == refused_too and is_same_rows


def _analyse(rows: pa.RecordBatch, seed: int) -> None:
    """Make a window of what came through: nothing may break that is behind the receiver."""
    part = TelemetrySlice(
        signal="metrics",
        start_unix_ns=0,
        end_unix_ns=2**62,
        batches=(
            Batch(rows=pa.Table.from_batches([rows]), oldest_unix_ns=0, newest_unix_ns=2**63 - 1),
        ),
    )
    try:
        metered, _ = Metered().advance(part, window_s=1e10)
        table_of(metered.increments)
    except Exception as error:
        raise FindingError(f"metrics seed {seed}: the analysis failed: {error!r}") from error


def try_json(signal: Signal, seed: int) -> None:
    """Read mutated JSON; only ValueError may come of it."""
    rng = random.Random(seed)
    for _ in range(BATCH):
        body = mutate(_JSON[signal], rng)
        try:
            to_protobuf(signal, body)
        except ValueError:
            continue
        except Exception as error:
            raise FindingError(f"JSON of {signal} seed {seed}: {error!r} of {body!r}") from error


_JSON: Final[dict[Signal, bytes]] = {
    "traces": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{'
    b'"traceId":"5b8efff798038103d269b633813fc60c","kind":2,"startTimeUnixNano":"15",'
    b'"attributes":[{"key":"k","value":{"intValue":"7"}}]}]}]}]}',
    "metrics": b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{'
    b'"dataPoints":[{"timeUnixNano":"1","asDouble":1.5,"attributes":[]}]}}]}]}]}',
    "logs": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1",'
    b'"severityNumber":9,"body":{"arrayValue":{"values":[{"bytesValue":"/wA="}]}}}]}]}]}',
}


def main(arguments: list[str]) -> int:
    """Try `count` requests of each signal and encoding; return the exit code."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.run")
    parser.add_argument("--count", type=int, default=1_000_000, help="requests per signal")
    parser.add_argument("--seed", type=int, default=0, help="of the first batch")
    parser.add_argument("--verbose", action="store_true")
    wanted = parser.parse_args(arguments)
    for signal in SIGNALS:
        began = time.monotonic()
        for seed in range(wanted.seed, wanted.seed + -(-wanted.count // BATCH)):
            if wanted.verbose:
                sys.stdout.write(f"{signal} seed {seed}\n")
                sys.stdout.flush()
            try_batch(signal, seed)
            try_json(signal, seed)
        took_s = time.monotonic() - began
        sys.stdout.write(f"{signal}: {wanted.count} and as many of JSON in {took_s:.0f} s\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
