"""The cluster that the settings name: none, the twin's, or Kubernetes, there as one of several."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from healing.cluster.socket import SocketCluster
from homeostat.clock import Clock
from homeostat.settings import Settings
from knowledge.cluster import WriteIntent

if TYPE_CHECKING:
    from healing.cluster.kube.adapter import KubernetesCluster
    from healing.cluster.kube.replicas import Replicated

Forbids = Callable[[WriteIntent], str | None]
"""Why a write may not be sent at this very moment; asked with nothing between it and the patch."""


def replicated_of(settings: Settings, clock: Clock, forbids: Forbids) -> "Replicated | None":
    """The parts of one of several replicas; None for one that is alone."""
    section = settings.cluster
    if not section.is_leased:
        return None
    from healing.cluster.kube.replicas import replicated  # noqa: PLC0415 - as in `cluster_of`

    return replicated(
        section.for_kubernetes(settings.healing.namespaces),
        namespace=section.home or "homeostat",
        now_unix_ns=clock.now_unix_ns,
        forbids=forbids,
    )


def cluster_of(
    settings: Settings, clock: Clock, forbids: Forbids
) -> "SocketCluster | KubernetesCluster | None":
    """The port of a cluster; None where there is none."""
    match settings.cluster.kind:
        case "none":
            return None
        case "socket":
            return SocketCluster(str(settings.cluster.socket))
        case "kubernetes":
            # its client takes a second to import: only who needs it pays
            from healing.cluster.kube.adapter import KubernetesCluster  # noqa: PLC0415

            return KubernetesCluster(
                settings.cluster.for_kubernetes(settings.healing.namespaces),
                now_unix_ns=clock.now_unix_ns,
                permit=forbids,
            )
