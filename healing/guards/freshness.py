"""Do we see well enough to act?"""

from typing import Final

from healing.guards.asked import Asked, Guard

VOLUME_WINDOW_S: Final = 60.0


def fresh_cluster(asked: Asked) -> str | None:
    """The cluster's own word is recent."""
    cluster = asked.situation.cluster
    if cluster is None:
        return "no cluster answers"
    age_s = (asked.situation.now_unix_ns - cluster.observed_unix_ns) / 1e9
    limit_s = asked.settings.cluster_age_s_max
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
    horizon = asked.situation.now_unix_ns - int(VOLUME_WINDOW_S * 1e9)
    recent = [spans for time, spans in asked.volumes if time >= horizon]
    if not recent or not max(recent):
        return None
    ratio = recent[-1] / max(recent)
    if ratio >= asked.settings.volume_drop_ratio:
        return None
    return f"telemetry is down to {ratio:.0%} within {VOLUME_WINDOW_S:.0f} s"


def whole_window(asked: Asked) -> str | None:
    """Nothing of the window was lost by us: what is missing must not be taken for a fault."""
    gap = asked.situation.tables.gap
    return None if gap is None else f"the window has a gap that is ours: {gap}"


FRESHNESS: Final[tuple[Guard, ...]] = (
    fresh_cluster,
    fresh_telemetry,
    warm_windows,
    steady_volume,
    whole_window,
)
