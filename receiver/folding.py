"""One name for each thing, whatever generation of the semantic conventions a sender speaks.

Most old names come from the table that `make proto` generates (renamed.py). A few more are in use
that the conventions package does not know as such: they are listed here, with their source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from receiver.nesting import Mask
from receiver.renamed import ATTRIBUTES, IN_MILLISECONDS, METRICS

_ALIASES: Final[Mapping[str, Sequence[str]]] = {
    # rpc.status_code: semantic-conventions#3921; rpc.grpc.status_code became a string of its name
    # in 1.39, which is no mere renaming; grpc.status: gRPC proposal A66
    "rpc.response.status_code": ("rpc.status_code", "rpc.grpc.status_code", "grpc.status"),
}
_METRIC_ALIASES: Final[Mapping[str, str]] = {
    # docs/non-normative/http-migration.md
    "http.client.duration": "http.client.request.duration",
    "http.server.duration": "http.server.request.duration",
    # of gRPC itself: proposal A66; docs/non-normative/compatibility/grpc.md
    "grpc.client.call.duration": "rpc.client.call.duration",
    "grpc.server.call.duration": "rpc.server.call.duration",
    # of the Collector's k8s_cluster receiver: docs/non-normative/k8s-migration.md
    "k8s.container.restarts": "k8s.container.restart.count",
    "k8s.container.cpu_limit": "k8s.container.cpu.limit.desired",
    "k8s.container.cpu_request": "k8s.container.cpu.request.desired",
    "k8s.container.memory_limit": "k8s.container.memory.limit.desired",
    "k8s.container.memory_request": "k8s.container.memory.request.desired",
    "k8s.deployment.desired": "k8s.deployment.pod.desired",
    "k8s.deployment.available": "k8s.deployment.pod.available",
    "k8s.hpa.max_replicas": "k8s.hpa.pod.max",
    "k8s.hpa.min_replicas": "k8s.hpa.pod.min",
    "k8s.hpa.current_replicas": "k8s.hpa.pod.current",
    "k8s.hpa.desired_replicas": "k8s.hpa.pod.desired",
}
_METRIC_NAMES: Final[Mapping[str, str]] = {**METRICS, **_METRIC_ALIASES}
_MILLISECONDS: Final = pa.array(
    [*IN_MILLISECONDS, "http.client.duration", "http.server.duration"], pa.string()
)
_OLD_METRICS: Final = pa.array(_METRIC_NAMES, pa.string())
_NEW_METRICS: Final = pa.array(_METRIC_NAMES.values(), pa.string())


def names_of(canonical: str, *, but: Sequence[str] = ()) -> tuple[str, ...]:
    """Return all names of an attribute, the canonical one first; without those in `but`."""
    old = sorted(name for name, new in ATTRIBUTES.items() if new == canonical)
    names = (canonical, *_ALIASES.get(canonical, ()), *old)
    return tuple(dict.fromkeys(name for name in names if name not in but))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldedMetrics:
    """Canonical names; units, where a name says more than a sender; and which had an old name."""

    names: pa.StringArray
    units: pa.StringArray
    is_old: Mask


def fold_metrics(names: pa.StringArray, units: pa.StringArray) -> FoldedMetrics:
    """Fold the names of metrics, and fill in the unit of those that were told in milliseconds."""
    place = pc.index_in(names, value_set=_OLD_METRICS)
    is_old: Mask = place.is_valid().to_numpy(zero_copy_only=False)
    if not is_old.any():
        return FoldedMetrics(names=names, units=units, is_old=is_old)
    in_ms = pc.is_in(names, value_set=_MILLISECONDS).to_numpy(zero_copy_only=False)
    is_untold = pc.equal(units, "").to_numpy(zero_copy_only=False)
    return FoldedMetrics(
        names=pc.coalesce(_NEW_METRICS.take(place), names),
        units=pc.if_else(pa.array(np.logical_and(in_ms, is_untold)), "ms", units),
        is_old=is_old,
    )
