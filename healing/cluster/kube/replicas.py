"""The parts that several replicas on one API server need, wired."""

from collections.abc import Callable
from dataclasses import dataclass

from healing.cluster.kube.adapter import KubernetesCluster
from healing.cluster.kube.api import LateApi
from healing.cluster.kube.lease_object import LeaseObject
from healing.cluster.kube.mutator import Permit
from healing.cluster.kube.object_ledger import ObjectLedger
from healing.cluster.kube.settings import KubernetesSettings
from healing.cluster.leadership import Leadership, new_identity
from healing.cluster.lease import LeaseTimes
from healing.cluster.succession import Succession


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated:
    """A cluster's adapter whose writes hang on the lease, and what stands behind that.

    `api` is a connection of its own: a long list never keeps the lease waiting.
    """

    cluster: KubernetesCluster
    succession: Succession
    api: LateApi


def replicated(
    settings: KubernetesSettings,
    *,
    namespace: str,
    now_unix_ns: Callable[[], int],
    forbids: Permit = lambda _: None,
) -> Replicated:
    """Return the parts; nothing is connected yet."""
    times = LeaseTimes(lease_s=settings.lease_s)
    api = LateApi(kubeconfig=settings.kubeconfig, context=settings.context)
    lease = LeaseObject(api, namespace, now_unix_ns=now_unix_ns, request_s=times.request_s)
    leadership = Leadership(lease, identity=new_identity(), times=times)
    cluster = KubernetesCluster(
        settings,
        now_unix_ns=now_unix_ns,
        permit=lambda intent: leadership.why_not(intent.epoch) or forbids(intent),
    )
    ledger = ObjectLedger(api, namespace, identity=leadership.identity, now_unix_ns=now_unix_ns)
    succession = Succession(leadership=leadership, ledger=ledger, cluster=cluster)
    return Replicated(cluster=cluster, succession=succession, api=api)
