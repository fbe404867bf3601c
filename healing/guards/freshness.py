"""Do we see well enough to act?"""

from typing import Final

from healing.guards.asked import Asked, Guard
from healing.settings import HealingSettings
from healing.situation import Situation

VOLUME_RECENT_S: Final = 10.0
VOLUME_USUAL_S: Final = 60.0
VOLUME_COUNT_MIN: Final = 10.0
"""Of fewer spans than were to be expected, chance alone may lose half."""

Volumes = tuple[tuple[int, int], ...]


def fresh_cluster(asked: Asked) -> str | None:
    """The cluster's own word is recent."""
    return why_stale(asked.situation, asked.settings)


def why_stale(situation: Situation, settings: HealingSettings) -> str | None:
    """Return how old the cluster's word is, if that is too old."""
    cluster = situation.cluster
    if cluster is None:
        return "no cluster answers"
    age_s = (situation.now_unix_ns - cluster.observed_unix_ns) / 1e9
    limit_s = settings.cluster_age_s_max
    return None if age_s <= limit_s else f"the cluster report is {age_s:.0f} s old"


def fresh_telemetry(asked: Asked) -> str | None:
    """Spans still arrive."""
    limit_s = asked.settings.telemetry_age_s_max
    for freshness in asked.situation.freshness:
        if freshness.signal == "traces":
            if freshness.age_s is not None and freshness.age_s <= limit_s:
                return None
            return (
                "no spans yet"
                if freshness.age_s is None
                else (f"the newest span is {freshness.age_s:.0f} s old")
            )
    return "no spans yet"


def warm_windows(asked: Asked) -> str | None:
    """It is known what is normal."""
    return None if asked.situation.is_warm else "windows are cold: what is normal is not known yet"


def steady_volume(asked: Asked) -> str | None:
    """Telemetry did not collapse: if the eyes fail, what they show is no ground to act on."""
    return why_collapsed(asked.volumes, asked.settings.volume_drop_ratio)


def why_collapsed(volumes: Volumes, ratio_min: float) -> str | None:
    """Return what fell below `ratio_min` of the minute before, if the spans of late did.

    `volumes`: (time, spans so far), the oldest first.
    """
    if not volumes:
        return None
    now_ns, now_count = volumes[-1]
    split_ns, split_count = _at_or_before(volumes, now_ns - int(VOLUME_RECENT_S * 1e9))
    begin_ns, begin_count = _at_or_before(
        volumes, split_ns - int((VOLUME_USUAL_S - VOLUME_RECENT_S) * 1e9)
    )
    if split_ns in {begin_ns, now_ns}:
        return None
    usual_per_ns = (split_count - begin_count) / (split_ns - begin_ns)
    expected = usual_per_ns * (now_ns - split_ns)
    if expected < VOLUME_COUNT_MIN:
        return None
    ratio = (now_count - split_count) / expected
    if ratio >= ratio_min:
        return None
    return (
        f"telemetry of the last {(now_ns - split_ns) / 1e9:.0f} s is down to {ratio:.0%} "
        "of the minute before"
    )


def _at_or_before(volumes: Volumes, time_unix_ns: int) -> tuple[int, int]:
    """The newest count that is no newer than that; the oldest if all are."""
    older = [volume for volume in volumes if volume[0] <= time_unix_ns]
    return older[-1] if older else volumes[0]


def quarantine(asked: Asked) -> str | None:
    """We have been up for a while: who just came up knows too little to change anything."""
    return why_quarantined(asked.started_unix_ns, asked.situation, asked.settings)


def why_quarantined(
    started_unix_ns: int, situation: Situation, settings: HealingSettings
) -> str | None:
    """Return for how long we have been up, if that is not long enough."""
    up_s, limit_s = (situation.now_unix_ns - started_unix_ns) / 1e9, settings.quarantine_s
    return None if up_s >= limit_s else f"up for {up_s:.0f} s only, of {limit_s:.0f} s"


def whole_window(asked: Asked) -> str | None:
    """Nothing of the window was lost by us: what is missing must not be taken for a fault."""
    gap = asked.situation.tables.gap
    return None if gap is None else f"the window has a gap that is ours: {gap}"


FRESHNESS: Final[tuple[Guard, ...]] = (
    quarantine,
    fresh_cluster,
    fresh_telemetry,
    warm_windows,
    steady_volume,
    whole_window,
)
