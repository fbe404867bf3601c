"""What decoding costs by each engine: CPU per span, in turns: `python -m bench.decoding`.

From the bytes of a request to rows in the schema of spans; nothing is sent or analysed.
"""

import statistics
import sys
import time
from typing import Final

from bench import payload
from receiver.decode import decode
from receiver.settings import Engine

ROUNDS: Final = 15
SPANS: Final = (8_192, 512)
ENGINES: Final[tuple[Engine, ...]] = ("fast", "reference")


def cpu_ns(body: bytes, engine: Engine) -> int:
    """Return the CPU time of decoding one request, as a receiver does that is not busy."""
    began = time.process_time_ns()
    decode("traces", [body], items_max=10**6, engine=engine)
    return time.process_time_ns() - began


def main() -> int:
    """Print best and median of each engine and size; return the exit code."""
    for spans in SPANS:
        (body,) = payload.trace_requests(1, spans_per_request=spans, start_unix_ns=time.time_ns())
        bodies = [body] * (max(SPANS) // spans // 4 or 1)
        count = spans * len(bodies)

        found: dict[Engine, list[float]] = {engine: [] for engine in ENGINES}
        for _ in range(ROUNDS):
            for engine in ENGINES:
                found[engine].append(sum(cpu_ns(one, engine) for one in bodies) / count)
        for engine, costs in found.items():
            best, median = min(costs), statistics.median(costs)
            sys.stdout.write(
                f"{spans:,} spans a request, {engine}: best {best:,.0f} ns, "
                f"median {median:,.0f} ns of CPU a span\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
