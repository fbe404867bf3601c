"""The closed loop with real Envoy: its spans in, our weights back; and Envoy without us."""

import asyncio
import json
from functools import partial
from pathlib import Path

from healing.traffic.last_good import write_last_good
from knowledge.traffic import Weight
from tests.traffic import load
from tests.traffic.load import Result
from tests.traffic.place import FAST_MS, SLOW_MS, Place

RATE_PER_S = 52.0
"""17 a backend: one of 200 ms with 4 workers can just bear it (20), as round robin has it."""

OUT = Path(__file__).parents[2] / "out" / "traffic-envoy.json"


def offered(port: int, for_s: float, seed: int) -> list[Result]:
    return asyncio.run(load.offer(port, rate_per_s=RATE_PER_S, for_s=for_s, seed=seed))


def round_robin_envoy(place: Place) -> int:
    """An Envoy that never hears of us: equal weights from a file. Its spans still reach us."""
    own = place.folder / "round-robin"
    weights = tuple(
        Weight(address=f"127.0.0.1:{port}", place="in", weight=1.0) for port in place.backends
    )
    write_last_good(own, "shop", weights)
    endpoints, last_good = place.endpoints, place.last_good
    place.endpoints, place.last_good = 1, own  # nobody listens on port 1
    _, port = place.start_envoy()
    place.endpoints, place.last_good = endpoints, last_good
    return port


def test_a_slow_endpoint_gets_little_and_comes_back(place: Place) -> None:
    place.start_service()
    _, port = place.start_envoy()
    plain = round_robin_envoy(place)
    ours, round_robin = partial(offered, port), partial(offered, plain)
    seen = ours(14.0, 1)
    place.set_delay(place.slow, SLOW_MS)
    fell_s = load.seconds_until(lambda: place.weight(place.slow) < 0.4, ours, seen, 20.0)
    runs = load.interleaved(round_robin, ours)
    place.set_delay(place.slow, FAST_MS)
    rose_s = load.seconds_until(lambda: place.weight(place.slow) >= 0.8, ours, seen, 90.0)
    seen += runs[1]
    figures = {
        "fell_s": fell_s,
        "rose_s": rose_s,
        **load.compared(*runs, place.slow),
        "requests": len(seen),
        "failures": load.failures(seen),
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=1))
    assert figures["failures"] == 0, figures
    assert fell_s <= 10.0, figures
    assert figures["p99_ratio"] <= 0.65, figures
    assert rose_s <= 60.0, figures


def test_without_us_envoys_serve_on_follow_a_replaced_backend_and_start(place: Place) -> None:
    replaced = place.backends[0]
    first = place.replace_by_one_of_its_own(replaced)
    service = place.start_service()
    running, port = place.start_envoy()
    assert load.failures(offered(port, 3.0, 1)) == 0
    service.stop()
    assert load.failures(offered(port, 3.0, 2)) == 0
    first.stop()
    place.start_one_backend(replaced)  # another process behind the same, stable address
    offered(port, 1.0, 3)  # connections to the one that is gone may break
    after = offered(port, 3.0, 4)
    assert load.failures(after) == 0
    assert load.share(after, replaced) > 0.2
    running.stop()
    _, started = place.start_envoy()
    offered(started, 3.0, 5)  # it waits for our answer, in vain
    anew = offered(started, 3.0, 6)
    assert load.failures(anew) == 0
    assert all(load.share(anew, backend) > 0.2 for backend in place.backends)


def test_in_mode_observe_weights_are_proposed_and_not_given(place: Place) -> None:
    place.start_service(mode="observe")
    _, port = place.start_envoy()
    offered(port, 13.0, 1)
    place.set_delay(place.slow, SLOW_MS)
    offered(port, 8.0, 2)
    pool = place.pool()
    assert {w["weight"] for w in pool["weights"]} == {1.0}
    proposed = {w["address"]: w["weight"] for w in pool["proposed"]}
    assert proposed[f"127.0.0.1:{place.slow}"] < 0.6
