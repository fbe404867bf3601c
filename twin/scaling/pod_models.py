"""What one pod of a traced service does and what its users were promised, for all runs.

Why these figures:
- 100 ms of exponential work and one worker per pod: ten requests a second, so that a trace of some
  60 requests a second needs about ten pods; a pod is the step of every decision, neither lost nor
  all.
- Its CPU request is its limit and its worker is what burns CPU. So a busy pod shows 100 % and never
  more, as a pod with a CPU limit does.
- SLO: 99 % of requests within 750 ms. The work alone has its p99 at 460 ms: there is room for
  a wait, but not for a queue.
- 30 s from the decision to a ready pod: image at hand, process start, readiness probe.
- Callers give up a request that has not begun after 3 s: the twin's time-out of a call. Without it
  one overload would be carried along for as long as the trace lasts.
- Two pods at least: one may always be lost. A hundred at most: never reached here.
- Scale of the recordings: the Twitter stream is used as recorded. NASA's server of 1995 had less
  than one request a second: it is taken as one of 90 like servers, that is 90 times its rate,
  smoothed over 60 s, drawn anew as Poisson. (90 copies of each request in the same second would be
  a machine gun.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

NAME_SEPARATOR: Final = "_"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodModel:
    """Pods of one traced service, its SLO, and how its trace is scaled."""

    service_ms_mean: float = 100.0
    workers: int = 1
    startup_s: int = 30
    patience_s: float = 3.0  # a request that has not begun by then is given up
    replicas_min: int = 2
    replicas_max: int = 100
    slo_ms: float = 750.0
    slo_ratio: float = 0.99  # this share of requests is to be within `slo_ms`
    trace_factor: float = 1.0  # the recording is of one of so many like servers
    trace_smoothing_s: int = 1  # over which the rate of a multiplied recording is taken

    @property
    def requests_per_s_max(self) -> float:
        """What one pod can serve when it is never idle."""
        return self.workers * 1000.0 / self.service_ms_mean


DEFAULT_MODEL: Final = PodModel()
"""For a trace that no model names: used as recorded, so meant for some 10 to 500 requests a
second."""

POD_MODELS: Final[Mapping[str, PodModel]] = {
    "twitter": DEFAULT_MODEL,
    "nasa": replace(DEFAULT_MODEL, trace_factor=90.0, trace_smoothing_s=60),
}
"""By the part of a trace's name before its first `_`."""


def model_for(trace_name: str) -> PodModel:
    """Return the model of a trace; the default one where none is named like it."""
    return POD_MODELS.get(trace_name.split(NAME_SEPARATOR, 1)[0], DEFAULT_MODEL)
