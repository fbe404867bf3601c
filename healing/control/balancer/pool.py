"""One pool, one update: from calls and checks to the weights in force and those proposed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from healing.control.balancer.governor import Given, GovernorSettings, govern
from healing.control.balancer.loads import Loads, LoadSettings
from healing.control.balancer.policies import POLICIES
from healing.control.outlier import Outliers, OutlierSettings, most_out
from knowledge.bounds import require_positive
from knowledge.traffic import Calls, Place, PolicyName, Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerSettings:
    """What holds for all pools."""

    blackout_s: float = 10.0
    """A backend's first telemetry tells of cold caches: for this long it counts as average."""

    hold_s: float = 15.0
    """Without any telemetry of a pool for this long its weights stay as they are, ..."""

    expiry_s: float = 180.0
    """... for this long they go back to the configured ones. Also of a single backend."""

    loads: LoadSettings = field(default_factory=LoadSettings)
    governor: GovernorSettings = field(default_factory=GovernorSettings)
    outlier: OutlierSettings = field(default_factory=OutlierSettings)

    def __post_init__(self) -> None:
        require_positive(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """What one update leaves for the next."""

    loads: Loads = field(default_factory=Loads)
    outliers: Outliers = field(default_factory=Outliers)
    proposed: Given = field(default_factory=Given)
    in_force: Given = field(default_factory=Given)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolInput:
    """`calls`: each told once, by second. `is_allowed`: whether weights may be changed now."""

    capacities: Mapping[str, float]
    policy: PolicyName
    calls: tuple[Calls, ...]
    unhealthy: frozenset[str] = frozenset()
    is_allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWeights:
    """`telemetry_age_s`: of the newest call to any of the pool; None before the first."""

    in_force: tuple[Weight, ...]
    proposed: tuple[Weight, ...]
    telemetry_age_s: float | None


def step(
    state: PoolState,
    told: PoolInput,
    settings: BalancerSettings,
    *,
    now_unix_ns: int,
    rng: Callable[[], float],
) -> tuple[PoolState, PoolWeights]:
    """Return the pool after one update. `rng` gives a number of [0, 1)."""
    now_s = now_unix_ns / 1e9
    addresses = tuple(told.capacities)
    oldest = now_s - settings.outlier.window_s  # what a log gives back is the past
    told = replace(told, calls=tuple(c for c in told.calls if c.end_unix_s >= oldest))
    if not state.in_force.weights:
        begun = _configured(told.capacities)
        state = replace(state, proposed=begun, in_force=begun)
    outliers = state.outliers.after(
        told.calls, addresses, settings.outlier, now_unix_ns=now_unix_ns, rng=rng
    )
    places = _places(addresses, outliers.ejected(now_unix_ns=now_unix_ns), told.unhealthy, settings)
    loads = state.loads
    for address in addresses:
        if places[address] != "in":
            loads = loads.forget(address)
    calls = tuple(c for c in told.calls if places.get(c.address) == "in")
    loads = loads.after(calls, settings.loads, now_unix_s=now_s)
    ages = [age for a in addresses if (age := loads.age_s(a, now_unix_s=now_s)) is not None]
    age = min(ages, default=None)
    wishes = _wishes(loads, told, places, state.proposed, age, settings, now_s)
    proposed, shown = govern(state.proposed, wishes, places, settings.governor, now_unix_s=now_s)
    if told.is_allowed:
        forced, weights = govern(
            state.in_force, wishes, places, settings.governor, now_unix_s=now_s
        )
    else:  # back to what was configured, as gently as anything else
        every: dict[str, Place] = dict.fromkeys(addresses, "in")
        forced, weights = govern(
            state.in_force, dict(told.capacities), every, settings.governor, now_unix_s=now_s
        )
    return (
        PoolState(loads=loads, outliers=outliers, proposed=proposed, in_force=forced),
        PoolWeights(in_force=weights, proposed=shown, telemetry_age_s=age),
    )


def _configured(capacities: Mapping[str, float]) -> Given:
    mean = sum(capacities.values()) / len(capacities)
    return Given(weights={address: capacity / mean for address, capacity in capacities.items()})


def _places(
    addresses: tuple[str, ...],
    ejected: frozenset[str],
    unhealthy: frozenset[str],
    settings: BalancerSettings,
) -> dict[str, Place]:
    """Ejected first; the unhealthy as far as there is room: where too many are, the checks err."""
    places: dict[str, Place] = {a: "ejected" if a in ejected else "in" for a in addresses}
    ill = [a for a in addresses if a in unhealthy and places[a] == "in"]
    room = most_out(len(addresses), settings.outlier.ejected_ratio_max) - len(ejected)
    if len(ill) <= room:
        places.update(dict.fromkeys(ill, "unhealthy"))
    return places


def _wishes(
    loads: Loads,
    told: PoolInput,
    places: Mapping[str, Place],
    given: Given,
    age_s: float | None,
    settings: BalancerSettings,
    now_s: float,
) -> dict[str, float | None]:
    if age_s is None or age_s > settings.expiry_s:
        return dict(told.capacities)
    if age_s > settings.hold_s:
        return {a: given.weights.get(a) or None for a in told.capacities}
    known = tuple(
        loads.load(address, capacity, settings.loads)
        for address, capacity in told.capacities.items()
        if places[address] == "in"
        and loads.known_s(address) >= settings.blackout_s
        and (loads.age_s(address, now_unix_s=now_s) or 0.0) <= settings.expiry_s
    )
    wished = POLICIES[told.policy].wishes(known)
    return {address: wished.get(address) for address in told.capacities}
