"""Right-sizing beside the VerticalPodAutoscaler's own recommender, on shared samples.

`vpa_vectors.json` has what k8s.io/autoscaler/vertical-pod-autoscaler v1.8.1 recommends
(pkg/recommender/logic/recommender.go by pkg/recommender/model/container.go), with the defaults of
its flags; `make vpa-vectors` plays the samples to it anew.
"""

import json
from pathlib import Path

import pytest

from healing.control.resource_manager import Killed, Range, ResourceManager, SizingSettings, Used
from tests.healing.control.vpa_cases import Sample, cases

VECTORS = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parent / "vpa_vectors.json").read_text())
}
GROWTH = 1.05
"""Of a bucket over the one before: the values of two that are neighbours."""
CUT_CORES = 0.003
"""VPA cuts CPU to whole milli-cores three times on the way: percentile, margin, confidence."""
MANAGER = ResourceManager(SizingSettings())


def sized(samples: list[Sample]) -> tuple[Range | None, Range | None]:
    state = MANAGER.beginning()
    for sample in samples:
        seen = (
            Used(cores=sample.cores, memory_bytes=sample.used)
            if sample.killed is None
            else Killed(limit_bytes=sample.killed)
        )
        state = MANAGER.taken(state, seen, now_unix_ns=sample.at_s * 10**9)
    sizing = MANAGER.sizing(state)
    return sizing.cores, sizing.memory_bytes


def test_there_is_a_vector_for_each_case() -> None:
    assert set(VECTORS) == set(cases())
    assert len(VECTORS) >= 20


@pytest.mark.parametrize("name", cases())
def test_requests_and_bounds_are_vpas_within_a_bucket(name: str) -> None:
    settings = SizingSettings()
    found = sized(cases()[name])
    limits = (
        ("cores", settings.cores_min, settings.cores_max, CUT_CORES),
        ("bytes", settings.bytes_min, settings.bytes_max, 3.0),
    )
    for ours, (kind, least, most, cut) in zip(found, limits, strict=True):
        theirs = VECTORS[name][kind]
        if ours is None:
            assert theirs["target"] == least  # VPA says its least where it knows nothing
            continue
        for bound in ("lower", "target", "upper"):
            expected = min(theirs[bound], most)  # VPA has no most: a policy caps it
            value = getattr(ours, bound)
            assert expected / GROWTH <= value <= expected * GROWTH + cut, (kind, bound)


@pytest.mark.parametrize(
    ("name", "kind", "by_hand"),
    [
        # 1 core is in bucket 36, log 6 / log 1.05 = 36.7; it ends at 0.2 (1.05^37 - 1) = 1.0163
        ("cpu: steady for a day", "cores", 1.0163 * 1.15),
        # of the two samples the newer weighs twice: 0.9 of the weight is in that of 4 cores, which
        # is bucket 62, log 21 / log 1.05 = 62.4, and ends at 0.2 (1.05^63 - 1) = 4.1241
        ("cpu: a half-life old and new", "cores", 4.1241 * 1.15),
        # 2 GiB and a fifth are 2.577e9 bytes: bucket 53, up to 2e8 (1.05^54 - 1) = 2.5878e9
        ("kill: by a fifth", "bytes", 2.5878e9 * 1.15),
        # 300 MiB and 100 MiB are more than a fifth more: 4.194e8, bucket 23, up to 4.4502e8
        ("kill: by 100 MiB at least", "bytes", 4.4502e8 * 1.15),
        ("memory: below the least", "bytes", 250 * 2**20),
    ],
)
def test_some_are_computed_by_hand(name: str, kind: str, by_hand: float) -> None:
    ours = sized(cases()[name])[0 if kind == "cores" else 1]
    assert ours is not None
    assert ours.target == pytest.approx(by_hand, rel=1e-3)
    assert VECTORS[name][kind]["target"] == pytest.approx(by_hand, rel=2e-3)
