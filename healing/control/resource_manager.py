"""Right-sizing: what a container should request, by what it used.

The recommender of the Kubernetes VerticalPodAutoscaler (kubernetes/autoscaler,
vertical-pod-autoscaler/pkg/recommender, 1.8: aggregate_container_state.go, estimator.go,
recommender.go): CPU by a decaying histogram of samples, memory by one of the peaks of each day; the
target is a percentile and a margin, its bounds are the wider the less is known. Against bumps after
an out-of-memory kill that feed themselves, a bump is taken from the limit at which the container
was killed and not from an earlier bump: killed again at the same limit it gets the same bump, and
none goes beyond what a container may have.
"""

from dataclasses import dataclass, replace
from typing import Final

from healing.control.decaying_histogram import CPU, MEMORY, Histogram

DAY_S: Final = 86_400.0
CPU_WEIGHT_MIN: Final = 0.1
"""The weight of a sample does not grow with the request, as in VPA since 1.0."""
MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingSettings:
    """VPA's defaults. Cores and bytes are those of one container."""

    target_ratio: float = 0.9
    lower_ratio: float = 0.5
    upper_ratio: float = 0.95
    margin_ratio: float = 0.15
    memory_margin_ratio: float = 0.15
    half_life_s: float = DAY_S
    peak_interval_s: float = DAY_S
    cores_min: float = 0.025
    bytes_min: float = 250.0 * MIB
    cores_max: float = 1000.0
    bytes_max: float = 1e12
    bump_ratio: float = 1.2
    bump_bytes: float = 100.0 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One sample: cores and bytes in use; None is not known."""

    cores: float | None
    memory_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """The container was out of memory; `limit_bytes` is what it could have at most then."""

    limit_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingState:
    """What is remembered of a container (all of its like together).

    `peak_bytes`: of the running interval, of real use; `bump_bytes`: what a kill made of it.
    """

    cpu: Histogram
    memory: Histogram
    first_s: float | None = None
    last_s: float = 0.0
    sample_count: int = 0
    interval_end_s: float | None = None
    peak_bytes: float = 0.0
    bump_bytes: float = 0.0
    memory_seen_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A request and the bounds outside of which the present one should be changed."""

    target: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What the container should request. None: nothing is known yet."""

    cores: Range | None = None
    memory_bytes: Range | None = None
    confidence_days: float = 0.0


class ResourceManager:
    """One container's right-sizing."""

    def __init__(self, settings: SizingSettings) -> None:
        self._settings = settings

    def beginning(self) -> SizingState:
        """Return the state of a container that nothing is known of."""
        half_life_s = self._settings.half_life_s
        return SizingState(
            cpu=Histogram(buckets=CPU, half_life_s=half_life_s),
            memory=Histogram(buckets=MEMORY, half_life_s=half_life_s),
        )

    def step(
        self, state: SizingState, seen: Used | Killed, *, now_unix_ns: int
    ) -> tuple[SizingState, Sizing]:
        """Take a sample in, and say what should be requested."""
        state = self.taken(state, seen, now_unix_ns=now_unix_ns)
        return state, self.sizing(state)

    def taken(self, state: SizingState, seen: Used | Killed, *, now_unix_ns: int) -> SizingState:
        """Take a sample in, and say nothing yet: percentiles cost more than a sample."""
        at_s = now_unix_ns / 1e9
        match seen:
            case Killed():
                return self._killed(state, seen, at_s)
            case Used():
                return self._used(state, seen, at_s)

    def _used(self, state: SizingState, seen: Used, at_s: float) -> SizingState:
        """Take in what is newer than what there is: of a time seen before nothing counts again."""
        if seen.cores is not None and (state.first_s is None or at_s > state.last_s):
            state = replace(
                state,
                cpu=state.cpu.added(seen.cores, CPU_WEIGHT_MIN, at_s=at_s),
                first_s=at_s if state.first_s is None else state.first_s,
                last_s=at_s,
                sample_count=state.sample_count + 1,
            )
        is_old = state.interval_end_s is not None and at_s < state.memory_seen_s
        if seen.memory_bytes is None or is_old:
            return state
        state = replace(self._in_interval(state, at_s), memory_seen_s=at_s)
        if seen.memory_bytes <= max(state.peak_bytes, state.bump_bytes):
            return state
        return self._with_peak(state, replace(state, peak_bytes=seen.memory_bytes))

    def _killed(self, state: SizingState, seen: Killed, at_s: float) -> SizingState:
        """A bump over what was used: the limit, or a peak of late beyond it, of any interval."""
        settings = self._settings
        end_s = state.interval_end_s
        if end_s is not None and at_s < state.memory_seen_s - settings.peak_interval_s:
            return state  # too old to tell anything
        used = max(seen.limit_bytes, state.peak_bytes)
        state = replace(self._in_interval(state, at_s), memory_seen_s=at_s)
        bump = max(used + settings.bump_bytes, used * settings.bump_ratio)
        bump = min(bump, settings.bytes_max)
        if bump <= max(state.peak_bytes, state.bump_bytes):
            return state
        return self._with_peak(state, replace(state, bump_bytes=bump))

    def _in_interval(self, state: SizingState, at_s: float) -> SizingState:
        """The state in the interval of `at_s`; a new one begins with no peak."""
        length = self._settings.peak_interval_s
        end_s = state.interval_end_s
        if end_s is None:
            return replace(state, interval_end_s=at_s + length)
        if at_s < end_s:
            return state
        passed = int((at_s - end_s) / length) + 1
        return replace(
            state, interval_end_s=end_s + passed * length, peak_bytes=0.0, bump_bytes=0.0
        )

    def _with_peak(self, before: SizingState, after: SizingState) -> SizingState:
        """Put the interval's new peak in the place of its old one."""
        assert after.interval_end_s is not None
        memory, at_s = after.memory, after.interval_end_s
        old, new = (max(s.peak_bytes, s.bump_bytes) for s in (before, after))
        if old > 0.0:
            memory = memory.added(old, -1.0, at_s=at_s)
        return replace(after, memory=memory.added(new, 1.0, at_s=at_s))

    def sizing(self, state: SizingState) -> Sizing:
        """Return what should be requested."""
        settings = self._settings
        days = _confidence_days(state)
        cores = None
        if not state.cpu.is_empty:
            cores = _range(
                state.cpu,
                settings,
                days,
                margin=settings.margin_ratio,
                least=settings.cores_min,
                most=settings.cores_max,
            )
        memory = None
        if not state.memory.is_empty:
            memory = _range(
                state.memory,
                settings,
                days,
                margin=settings.memory_margin_ratio,
                least=settings.bytes_min,
                most=settings.bytes_max,
            )
        return Sizing(cores=cores, memory_bytes=memory, confidence_days=days)


def _confidence_days(state: SizingState) -> float:
    """How much is known: days of history, or of samples a minute, whichever is less."""
    if state.first_s is None:
        return 0.0
    return min((state.last_s - state.first_s) / DAY_S, state.sample_count / (60.0 * 24.0))


def _range(
    histogram: Histogram,
    settings: SizingSettings,
    days: float,
    *,
    margin: float,
    least: float,
    most: float,
) -> Range:
    def bounded(ratio: float, factor: float) -> float:
        value = histogram.percentile(ratio) * (1.0 + margin) * factor
        return min(max(value, least), most)

    wide = (1.0 + 1.0 / days) if days > 0.0 else float("inf")
    narrow = (1.0 + 0.001 / days) ** -2.0 if days > 0.0 else 0.0
    return Range(
        target=bounded(settings.target_ratio, 1.0),
        lower=bounded(settings.lower_ratio, narrow),
        upper=bounded(settings.upper_ratio, wide),
    )
