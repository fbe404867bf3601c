"""Our HPA beside the real one: the same pods and metrics, sync by sync the same replicas.

The kube-controller-manager runs with its real 300 s and 30 s for young pods, which are as old as
the sequence says; only its period and the hold on the way down are short, so that many syncs fit.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cluster.hpa_objects import GROUP, thing
from tests.cluster.hpa_play import SETTLE_S, STABILIZATION_S, Play, exists
from tests.cluster.hpa_sequences import SEQUENCES
from tests.cluster.metrics_api import MetricsApi
from tests.parts.control_plane import ControlPlane

SYNC_S = 3.0
PHASE_S_MAX = 90.0
SILENT = {"off"}
"""A scaled-off thing's metrics are not asked for."""


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Play]]:
    """All sequences, played at once to their end."""
    plane = ControlPlane(tmp_path_factory.mktemp("autoscaling"))
    api: MetricsApi | None = None
    try:
        # an ExternalName Service is reached only without routing to endpoints
        plane.start_api(
            "--enable-aggregator-routing=false", "--disable-admission-plugins=ServiceAccount"
        )
        found = {s.name: Play(sequence=s, admin=plane.admin) for s in SEQUENCES}
        api = MetricsApi(plane, lambda namespace, metric: found[namespace].answer(metric)).start()
        crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        plane.admin.create(crds, thing())
        _until(lambda: exists(plane.admin, f"/apis/{GROUP}/v1/things"), "the kind Thing")
        plane.start_autoscaling(
            f"--horizontal-pod-autoscaler-sync-period={SYNC_S}s",
            f"--horizontal-pod-autoscaler-downscale-stabilization={STABILIZATION_S}s",
            "--concurrent-horizontal-pod-autoscaler-syncs=10",
        )
        _play(plane, list(found.values()))
        yield found
    finally:
        if api is not None:
            api.stop()
        plane.stop()


def _play(plane: ControlPlane, plays: list[Play]) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Play.begin, plays))
        playing = plays
        while playing:
            plane.check()
            due = [play for play in playing if _is_over(play)]
            over = [
                p
                for p, goes_on in zip(due, pool.map(Play.next_phase, due), strict=True)
                if not goes_on
            ]
            playing = [play for play in playing if play not in over]
            time.sleep(0.05)


def _is_over(play: Play) -> bool:
    """Whether a phase has had its syncs, the last of them written; or has had time enough."""
    age_s = time.time() - play.began_unix_s
    if play.sequence.name in SILENT:
        return age_s > 3 * SYNC_S
    assert age_s < PHASE_S_MAX, f"{play.sequence.name}: no syncs in {age_s:.0f} s"
    if play.seen_in_phase < play.phase.syncs:
        return False
    return time.time_ns() - play.syncs[-1].at_unix_ns > SETTLE_S * 1e9


def _until(is_true: Any, what: str) -> None:
    deadline = time.monotonic() + 30.0
    while not is_true():
        assert time.monotonic() < deadline, f"not within 30 s: {what}"
        time.sleep(0.1)


@pytest.mark.parametrize("name", [sequence.name for sequence in SEQUENCES])
def test_ours_decides_as_the_real_one(plays: dict[str, Play], name: str) -> None:
    play = plays[name]
    if name in SILENT:
        assert (play.syncs, play.replicas()) == ([], 0)
        return
    pairs = play.replay()
    assert len(pairs) >= sum(phase.syncs for phase in play.sequence.phases)
    assert [real for real, _ in pairs] == [ours for _, ours in pairs]


def test_the_sequences_move_the_real_one_in_every_way(plays: dict[str, Play]) -> None:
    moves = [
        sync.after - sync.seen.replicas
        for play in plays.values()
        for sync in play.syncs
        if sync.after is not None
    ]
    assert sum(move > 0 for move in moves) >= 10
    assert sum(move < 0 for move in moves) >= 5
    assert sum(move == 0 for move in moves) >= 10
