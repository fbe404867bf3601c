"""Which API server, as whom, and what is true of workloads that say nothing themselves."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    """How the adapter reaches its cluster."""

    kubeconfig: Path | None = None
    """None: the credentials of the pod that we run in."""

    context: str | None = None
    """A context of the kubeconfig; None: its current one."""

    own_namespace: str | None = None
    """Where Homeostat itself runs: never acted on. None: outside of the cluster."""

    replicas_max: int = 10
    """The most replicas of a workload whose owner did not say so by annotation."""

    lease_s: float = 13.0
    """How long a leader that is not heard of any more keeps its lease."""

    usage_s: float = 15.0
    """How often the metrics API is asked what pods use; it measures that often by default."""
