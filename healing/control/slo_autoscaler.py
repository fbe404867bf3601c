"""The SLO autoscaler: as many pods as the coming requests need for the latency that was promised.

Feed-forward and trim: the rate of arrivals by spans (which a saturated service does not cap, as it
does its CPU), foreseen over the time that a pod takes to start; from it the pods by Erlang's
formula; a factor that the measured latency corrects; then hold and hysteresis on the way down.
Square-root staffing and the reasons for feed-forward: Gandhi et al. 2012, "AutoScale: Dynamic,
Robust Capacity Management for Multi-Tier Data Centers", ACM TOCS 30:4.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from healing.control.arrival_forecast import Forecast, ForecastSettings
from healing.control.staffing import required_pods, service_ms_of

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SloSettings:
    """What was promised, what a pod is, and how careful to be."""

    limit_ms: float
    late_ratio_max: float = 0.01
    replicas_min: int
    replicas_max: int
    workers_per_pod: int = 1
    service_ms_first: float = 100.0  # until it is measured
    startup_s: float = 30.0
    margin: float = 1.0  # the rate is taken to be so many times what is foreseen ...
    error_weight: float = 1.85  # ... and by so many times the forecast's usual error more
    hold_s: float = 270.0  # no step down before the need was lower for so long
    hysteresis_ratio: float = 0.15  # nor one smaller than this share of the replicas ...
    hysteresis_pods: float = 2.0  # ... or than so many pods
    rise_hold_s: float = 300.0  # a rise smaller than that share must be needed for so long
    trim_step: float = 1.1  # a late percentile raises the need by this factor ...
    trim_max: float = 1.5  # ... to this, and no further
    trim_decay: float = 0.995  # what is left of the surplus after a sample
    service_gain: float = 0.02  # of a new measurement of the service time
    calm_ratio: float = 0.75  # workers busier than this tell nothing clear of the service time
    forecast: ForecastSettings = field(default_factory=ForecastSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class SloInput:
    """What telemetry and cluster say; None is not known, and never zero."""

    replicas: int
    ready_count: int
    arrivals_per_s: float | None
    sojourn_ms_mean: float | None = None
    latency_ms_p99: float | None = None
    margin: float | None = None  # in the place of the setting's, by who tunes it


@dataclass(frozen=True, slots=True, kw_only=True)
class SloState:
    """What one step leaves for the next.

    `needs`: (unix ns, pods) of the hold window, falling: the first is the largest. `rises`: those
    of the shorter window for small rises, rising: the first is the least.
    """

    forecast: Forecast = field(default_factory=Forecast)
    service_ms: float | None = None
    trim: float = 1.0
    needs: tuple[tuple[int, int], ...] = ()
    rises: tuple[tuple[int, int], ...] = ()
    raised_unix_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SloDecision:
    """The pods to have, and all that led to them."""

    replicas: int
    need: int
    rate_foreseen: float
    service_ms: float
    trim: float
    reason: str


class SloAutoscaler:
    """One service's autoscaler."""

    def __init__(self, settings: SloSettings) -> None:
        self._settings = settings

    def step(
        self, state: SloState, seen: SloInput, *, now_unix_ns: int
    ) -> tuple[SloState, SloDecision]:
        """Decide once."""
        settings = self._settings
        if seen.arrivals_per_s is None:
            needs = tuple((now_unix_ns, pods) for _, pods in state.needs[:1])
            state = replace(
                state, needs=needs, rises=()
            )  # what was seen before counts anew after it
            return state, self._held(state, seen, "no telemetry: what is not seen is not zero")
        forecast = state.forecast.seen(seen.arrivals_per_s, settings.forecast)
        state = replace(
            state,
            forecast=forecast,
            service_ms=self._service_ms(state, seen, now_unix_ns),
            trim=self._trim(state, seen, now_unix_ns),
        )
        horizon_s = settings.startup_s + 2 * settings.forecast.window_s
        foreseen = forecast.at(horizon_s, settings.forecast)
        margin = settings.margin if seen.margin is None else seen.margin
        factor = (margin + settings.error_weight * forecast.error) * state.trim
        need = self._pods(foreseen * factor, state)
        steady = self._pods((forecast.level or 0.0) * factor, state)
        near = 0 <= seen.replicas - steady < self._step(seen.replicas)
        held = seen.replicas if near else steady  # near enough: what there is, is what is needed
        needs = _held_needs(state.needs, (now_unix_ns, held), settings.hold_s)
        rises = _held_rises(state.rises, (now_unix_ns, steady), settings.rise_hold_s)
        state = replace(state, needs=needs, rises=rises)
        replicas, reason = self._moved(seen.replicas, need, rises[0][1], needs[0][1])
        if replicas > seen.replicas:
            state = replace(state, raised_unix_ns=now_unix_ns)
        return state, self._decision(state, replicas, need, foreseen, reason)

    def _pods(self, rate: float, state: SloState) -> int:
        settings = self._settings
        need = required_pods(
            rate,
            service_ms=state.service_ms or settings.service_ms_first,
            workers_per_pod=settings.workers_per_pod,
            limit_ms=settings.limit_ms,
            late_ratio_max=settings.late_ratio_max,
        )
        return min(max(need, settings.replicas_min), settings.replicas_max)

    def _step(self, replicas: int) -> float:
        """The least difference that is worth a change."""
        return max(self._settings.hysteresis_pods, self._settings.hysteresis_ratio * replicas)

    def _moved(self, replicas: int, need: int, lasting: int, held: int) -> tuple[int, str]:
        settings = self._settings
        step = self._step(replicas)
        if need - replicas >= step or replicas < settings.replicas_min:
            return need, "more is coming than the pods can serve in time"
        if lasting > replicas:
            return lasting, f"more was needed for {settings.rise_hold_s:.0f} s"
        floor = max(need, held)
        if replicas - floor >= step or replicas > settings.replicas_max:
            return floor, f"less was needed for {settings.hold_s:.0f} s"
        return replicas, "as many as are needed" if floor == replicas else "held"

    def _service_ms(self, state: SloState, seen: SloInput, now_unix_ns: int) -> float | None:
        """The service time, learnt slowly while pods are the same and little waits."""
        settings, known = self._settings, state.service_ms
        rate, sojourn_ms = seen.arrivals_per_s, seen.sojourn_ms_mean
        workers = seen.ready_count * settings.workers_per_pod
        if not rate or not sojourn_ms or not workers or self._is_settling(state, now_unix_ns):
            return known
        believed = settings.service_ms_first if known is None else known
        if rate * believed / 1000.0 > settings.calm_ratio * workers:
            return known
        measured = service_ms_of(
            sojourn_ms, arrivals_per_s=rate, workers=workers, believed_ms=believed
        )
        return believed + settings.service_gain * (measured - believed)

    def _trim(self, state: SloState, seen: SloInput, now_unix_ns: int) -> float:
        """The correction by measured latency; not while ordered pods are still on their way."""
        settings = self._settings
        decayed = 1.0 + (state.trim - 1.0) * settings.trim_decay
        late = seen.latency_ms_p99 is not None and seen.latency_ms_p99 > settings.limit_ms
        if not late or self._is_settling(state, now_unix_ns) or seen.ready_count < seen.replicas:
            return decayed
        return min(state.trim * settings.trim_step, settings.trim_max)

    def _is_settling(self, state: SloState, now_unix_ns: int) -> bool:
        return now_unix_ns - state.raised_unix_ns < 2 * self._settings.startup_s * NS_PER_S

    def _held(self, state: SloState, seen: SloInput, reason: str) -> SloDecision:
        return self._decision(
            state, seen.replicas, seen.replicas, state.forecast.level or 0.0, reason
        )

    def _decision(
        self, state: SloState, replicas: int, need: int, foreseen: float, reason: str
    ) -> SloDecision:
        return SloDecision(
            replicas=replicas,
            need=need,
            rate_foreseen=foreseen,
            service_ms=state.service_ms or self._settings.service_ms_first,
            trim=state.trim,
            reason=reason,
        )


def _held_needs(
    needs: tuple[tuple[int, int], ...], latest: tuple[int, int], hold_s: float
) -> tuple[tuple[int, int], ...]:
    """The needs of the window that are not topped by a later one: the first is the largest."""
    since = latest[0] - int(hold_s * NS_PER_S)
    kept = [entry for entry in needs if entry[0] > since and entry[1] > latest[1]]
    return (*kept, latest)


def _held_rises(
    rises: tuple[tuple[int, int], ...], latest: tuple[int, int], hold_s: float
) -> tuple[tuple[int, int], ...]:
    """The needs of the window that are not undercut by a later one: the first is the least."""
    since = latest[0] - int(hold_s * NS_PER_S)
    kept = [entry for entry in rises if entry[0] > since and entry[1] < latest[1]]
    return (*kept, latest)
