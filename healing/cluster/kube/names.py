"""Labels and annotations that people and Homeostat leave on objects, and names that others use."""

from typing import Final

DOMAIN: Final = "homeostat.dev"
HEAL: Final = f"{DOMAIN}/heal"
"""On a namespace as a label (its administrator) and on a workload as an annotation (its owner):
both must say `enabled`, or nothing is done."""
ENABLED: Final = "enabled"
REPLICAS_MAX: Final = f"{DOMAIN}/replicas-max"
"""Annotation of a workload: never more replicas than this."""
ACTION: Final = f"{DOMAIN}/action"
"""Annotation of a workload that we wrote to: id, epoch and way back of the last action, as JSON."""
BOOST: Final = f"{DOMAIN}/boost"
"""Annotation of a workload or an autoscaler: room that we added, what was there before, and until
when, as JSON. Whoever finds it expired may take it back: we, or `homeostat unwind`."""
FENCE: Final = f"{DOMAIN}/fence"
"""Annotation of a workload: the epoch of the replica that took over what was open on it."""

REVISION: Final = "deployment.kubernetes.io/revision"
KEDA_PAUSED: Final = ("autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas")
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
TEMPLATE_HASH: Final = "pod-template-hash"
MIRROR: Final = "kubernetes.io/config.mirror"
SYSTEM_NAMESPACES: Final = frozenset({"kube-system", "kube-public", "kube-node-lease"})
CRITICAL_CLASSES: Final = frozenset({"system-cluster-critical", "system-node-critical"})
