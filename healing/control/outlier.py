"""Which instances of a pool are taken out for failing where their peers do not. Pure.

Envoy's outlier detection on telemetry: failures over a window (the same arithmetic as the circuit
breaker's), out for a time that grows each time and is jittered, never more than a share of the
pool, and always back. It is isolation of traffic; a call breaker and the stop rule of recoveries
are other things. Who fails as its peers do stays in: taking it out would help nobody.
https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from healing.control.outcome_window import NS_PER_S, TimeWindow
from knowledge.bounds import require_positive
from knowledge.traffic import Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierSettings:
    """When an instance is taken out, and for how long."""

    window_s: int = 10
    """Failures are counted over this long."""

    call_count_min: int = 20
    """Fewer calls than this tell nothing."""

    error_ratio: float = 0.5
    """Failing this much takes an instance out, ..."""

    peer_ratio: float = 3.0
    """... where it is this many times what all the others together fail."""

    ejection_s: float = 30.0
    """How long the first time; the second time twice as long, and so on ..."""

    ejection_s_max: float = 300.0
    """... up to this."""

    jitter_ratio: float = 0.2
    """Up to this share is added by chance: what came out together must not come back together."""

    ejected_ratio_max: float = 0.5
    """Never more than this share of the pool is out (one of two or three), and never the last."""

    def __post_init__(self) -> None:
        require_positive(self, zero_is_fine=frozenset({"jitter_ratio"}))
        for name in ("error_ratio", "ejected_ratio_max"):
            if getattr(self, name) > 1:
                raise ValueError(f"{name} must be at most 1, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance. `times`: how often it was out, less one per quiet ejection time since."""

    window: TimeWindow
    times: int = 0
    until_unix_ns: int = 0
    quiet_from_unix_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outliers:
    """All instances of a pool that were heard of."""

    instances: Mapping[str, Instance] = field(default_factory=dict)

    def ejected(self, *, now_unix_ns: int) -> frozenset[str]:
        """Who is out now."""
        return frozenset(a for a, one in self.instances.items() if now_unix_ns < one.until_unix_ns)

    def after(
        self,
        calls: Iterable[Calls],
        addresses: tuple[str, ...],
        settings: OutlierSettings,
        *,
        now_unix_ns: int,
        rng: Callable[[], float],
    ) -> "Outliers":
        """Return who is out with more calls told, each once, of a pool of `addresses`.

        `rng` gives a number of [0, 1).
        """
        fresh = Instance(window=TimeWindow(settings.window_s))
        known = {a: _calmed(self.instances.get(a, fresh), settings, now_unix_ns) for a in addresses}
        for told in calls:
            one = known.get(told.address)
            if one is not None and now_unix_ns >= one.until_unix_ns:
                window = one.window.merged(
                    told.end_unix_s * NS_PER_S, calls=told.call_count, failed=told.error_count
                )
                known[told.address] = replace(one, window=window)
        out = [a for a, one in known.items() if now_unix_ns < one.until_unix_ns]
        room = most_out(len(addresses), settings.ejected_ratio_max) - len(out)
        for address in _worst_first(known, settings, now_unix_ns)[: max(room, 0)]:
            known[address] = _out(known[address], settings, now_unix_ns, rng())
        return Outliers(instances=known)


def most_out(count: int, ratio_max: float) -> int:
    """How many of a pool may be out: one of two at least, never the last."""
    return min(count - 1, max(1, int(count * ratio_max)))


def _worst_first(
    known: Mapping[str, Instance], settings: OutlierSettings, now_unix_ns: int
) -> list[str]:
    counted = {a: one.window.counted(now_unix_ns)[:2] for a, one in known.items()}
    all_calls, all_failed = (sum(pair[i] for pair in counted.values()) for i in (0, 1))
    found: list[tuple[float, str]] = []
    for address, (calls, failed) in counted.items():
        if calls < settings.call_count_min or failed < settings.error_ratio * calls:
            continue
        others = all_calls - calls
        peers = (all_failed - failed) / others if others else 1.0
        if failed / calls >= settings.peer_ratio * peers:
            found.append((-failed / calls, address))
    return [address for _, address in sorted(found)]


def _out(one: Instance, settings: OutlierSettings, now_unix_ns: int, chance: float) -> Instance:
    """Out; its window starts anew, so that it comes back without what it was taken out for."""
    times = one.times + 1
    longest = min(settings.ejection_s * times, settings.ejection_s_max)
    until = now_unix_ns + int(longest * (1 + settings.jitter_ratio * chance) * NS_PER_S)
    return Instance(
        window=TimeWindow(settings.window_s),
        times=times,
        until_unix_ns=until,
        quiet_from_unix_ns=until,
    )


def _calmed(one: Instance, settings: OutlierSettings, now_unix_ns: int) -> Instance:
    """Each ejection time that it stayed in takes one of its times away."""
    quiet = int((now_unix_ns - one.quiet_from_unix_ns) / NS_PER_S / settings.ejection_s)
    if not one.times or quiet <= 0:
        return one
    step_ns = int(quiet * settings.ejection_s * NS_PER_S)
    return replace(
        one,
        times=max(one.times - quiet, 0),
        quiet_from_unix_ns=one.quiet_from_unix_ns + step_ns,
    )
