"""Names of the metrics that receiver and analysis both know, in their canonical form."""

from collections.abc import Mapping
from typing import Final

REQUEST_DURATIONS: Final = (
    "http.server.request.duration",
    "rpc.server.call.duration",
    "messaging.process.duration",
)
"""Histograms of how long served requests took: what a service without spans is known by.
Source: OpenTelemetry semantic conventions 1.44, http-metrics.md, rpc-metrics.md and
messaging-metrics.md."""

MS_PER_UNIT: Final[Mapping[str, float]] = {"": 1e3, "s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
"""Milliseconds in a unit of time (UCUM); what is not told is a second, as the conventions say."""

REQUESTS_MAX: Final = 2**40
"""More requests than any process has served. So small that sums of counts stay 64-bit numbers."""
