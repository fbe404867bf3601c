"""The cluster port on a Kubernetes API server: copies of its objects in, guarded patches out."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

import msgspec

from healing.cluster.kube import releases, workloads
from healing.cluster.kube.api import ApiSettingsError
from healing.cluster.kube.events import Events
from healing.cluster.kube.facts import Facts, drawn
from healing.cluster.kube.fence import fence
from healing.cluster.kube.held_api import HeldApi
from healing.cluster.kube.mutator import Mutator, Permit
from healing.cluster.kube.objects import Bare, PodObject, ScalerObject
from healing.cluster.kube.owners import Others
from healing.cluster.kube.probe_targets import ProbeTarget, targets_of
from healing.cluster.kube.reflector import Reflector, decoder
from healing.cluster.kube.rights import Rights
from healing.cluster.kube.scalers import collection
from healing.cluster.kube.settings import KubernetesSettings
from healing.cluster.kube.subjects import seen_of
from healing.cluster.kube.usage import Usage
from healing.cluster.probes import Prober
from healing.cluster.succession import Fenced
from knowledge.breakers import BreakerRecord
from knowledge.cluster import (
    Change,
    ClusterReport,
    ClusterUnavailableError,
    WriteIntent,
    WriteOutcome,
)

SYNC_S: Final = 5.0
"""How long a report waits for the first lists, before it says that the cluster is silent."""
POLL_S: Final = 0.02
WORKLOADS: Final = {
    "Deployment": "/apis/apps/v1/deployments",
    "StatefulSet": "/apis/apps/v1/statefulsets",
    "DaemonSet": "/apis/apps/v1/daemonsets",
}
CANARIES: Final = "/apis/flagger.app/v1beta1/canaries"
ROLLOUTS: Final = "/apis/argoproj.io/v1alpha1/rollouts"
VERTICALS: Final = "/apis/autoscaling.k8s.io/v1/verticalpodautoscalers"


class _Kind(msgspec.Struct):
    kind: str = ""


class KubernetesCluster:
    """An adapter of `knowledge.cluster.Cluster`; connects when it is first asked."""

    def __init__(
        self,
        settings: KubernetesSettings,
        *,
        now_unix_ns: Callable[[], int],
        rng: Random | None = None,
        permit: Permit = lambda _: None,
    ) -> None:
        self._permit = permit
        self._settings = settings
        self._now_unix_ns = now_unix_ns
        self._rng = rng or Random()  # noqa: S311 - jitter, no secret
        self._api: HeldApi | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._caches: dict[str, Reflector[Any]] = {}
        self._usage: Usage | None = None
        self._prober: Prober | None = None
        self._events: Events | None = None
        self._rights: Rights | None = None
        self._mutator: Mutator | None = None
        self._beginning = asyncio.Lock()

    async def report(self) -> ClusterReport:
        """Return the present facts; as old as the oldest of the copies that they stand on.

        Raises:
            ClusterUnavailableError: some of the facts were never seen, or credentials are missing.
        """
        await self._begin()
        await self._synced()
        age_s = max(cache.age_s() or 0.0 for cache in self._caches.values())
        observed = self._now_unix_ns() - int(age_s * 1e9)
        steps = drawn(self._facts(), observed_unix_ns=observed)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                report: ClusterReport = end.value
                return report
            await asyncio.sleep(0)  # a slice at a time: others want the loop too

    async def write(self, intent: WriteIntent) -> WriteOutcome:
        """Write to the API server, once.

        Raises:
            ClusterUnavailableError: there are no credentials to ask it with; nothing was sent.
            OvertakenError: the target changed meanwhile, and surely nothing was written.
        """
        await self._begin()
        assert self._mutator is not None  # begun
        assert self._events is not None  # begun
        outcome = await self._mutator.write(intent)
        self._events.tell(intent, outcome)
        return outcome

    @property
    def excess(self) -> tuple[str, ...]:
        """Rights of ours that nobody should have given us; with any, nothing is written."""
        known = self._rights.excess if self._rights and self._settings.guards_rights else None
        return known or ()

    @property
    def breakers(self) -> tuple[BreakerRecord, ...]:
        """Calls to the API server that are held back, or not."""
        return self._api.breakers() if self._api else ()

    def _may(self, intent: WriteIntent) -> str | None:
        """Why a write may not be sent at this very moment."""
        if self._settings.guards_rights:
            assert self._rights is not None  # begun
            reason = self._rights.why_not()
            if reason is not None:
                return reason
        return self._permit(intent)

    async def fence(self, change: Change, *, epoch: int) -> Fenced | None:
        """Make every write to the object of `change` that an earlier epoch has under way fail.

        Returns what reached it before; None where it is gone.

        Raises:
            ClusterUnavailableError: it could not be done now.
        """
        await self._begin()
        assert self._api is not None  # begun
        body = await fence(self._api, change, epoch=epoch)
        if body is None:
            return None
        self._note(body)
        seen = seen_of(change, body)
        return Fenced(last_action_id=seen.last_action_id, resource_version=seen.token)

    async def close(self) -> None:
        """End all watches and connections; safe to call twice."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        if self._api is not None:
            await self._api.close()
            self._api = None

    async def _begin(self) -> None:
        async with self._beginning:
            if self._api is not None:
                return
            settings = self._settings
            try:
                api = await HeldApi.connect(
                    kubeconfig=settings.kubeconfig, context=settings.context
                )
            except ApiSettingsError as error:
                raise ClusterUnavailableError(str(error)) from error
            self._api = api
            self._mutator = Mutator(
                api, now_unix_ns=self._now_unix_ns, on_written=self._note, permit=self._may
            )
            self._events = Events(api)
            self._rights = Rights(api, settings.guarded_namespaces)
            self._usage = Usage(api, period_s=settings.usage_s)
            self._caches = {
                "namespaces": self._cache("/api/v1/namespaces", decoder(Bare)),
                "pods": self._cache("/api/v1/pods", decoder(PodObject)),
                "replicasets": self._cache("/apis/apps/v1/replicasets", releases.boil_down),
                **{kind: self._cache(p, workloads.boil_down) for kind, p in WORKLOADS.items()},
                "autoscalers": self._cache(
                    collection("HorizontalPodAutoscaler"), decoder(ScalerObject)
                ),
                "scaledobjects": self._cache(
                    collection("ScaledObject"), decoder(ScalerObject), lacks=True
                ),
                "canaries": self._cache(CANARIES, decoder(ScalerObject), lacks=True),
                "rollouts": self._cache(ROLLOUTS, decoder(ScalerObject), lacks=True),
                "verticals": self._cache(VERTICALS, decoder(ScalerObject), lacks=True),
            }
            self._prober = Prober(self._probed, period_s=settings.probe_s)
            runs = [
                *(cache.run() for cache in self._caches.values()),
                self._usage.run(),
                self._events.run(),
                *([self._prober.run()] if settings.probe_s else []),
                *([self._rights.run()] if settings.guards_rights else []),
            ]
            self._tasks = [asyncio.create_task(run) for run in runs]

    def _cache(
        self, path: str, decode: Callable[[msgspec.Raw], Any], *, lacks: bool = False
    ) -> Reflector[Any]:
        """Return a copy to be kept; `lacks`: a cluster may do without this API."""
        assert self._api is not None  # connected first
        return Reflector(self._api, path, decode, rng=self._rng, is_optional=lacks)

    async def _synced(self) -> None:
        """Wait for the first lists.

        Raises:
            ClusterUnavailableError: they did not come.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SYNC_S):
                while not self._has_looked():
                    self._check()
                    await asyncio.sleep(POLL_S)
        self._check()
        unseen = [c for c in self._caches.values() if c.age_s() is None]
        if unseen:
            raise ClusterUnavailableError("; ".join(str(c.error) for c in unseen[:3]))

    def _has_looked(self) -> bool:
        """Whether all was asked for once: a command reads one report, and no other."""
        assert self._usage is not None  # begun
        return self._usage.has_asked and all(
            cache.age_s() is not None for cache in self._caches.values()
        )

    async def _probed(self) -> tuple[ProbeTarget, ...]:
        """What our own probes ask: nothing while the cluster is not known."""
        try:
            report = await self.report()
        except ClusterUnavailableError:
            return ()
        return targets_of(report, self._caches["pods"].objects)

    def _check(self) -> None:
        """A copy that ended did so by a bug of ours: that must be seen."""
        for task in self._tasks:
            if task.done():
                task.result()

    def _facts(self) -> Facts:
        """All copies as they are now: what changes them later changes nothing in here."""
        kept: Mapping[str, Reflector[Any]] = self._caches
        assert self._usage is not None  # begun
        return Facts(
            namespaces=dict(kept["namespaces"].objects),
            workloads={
                (kind, uid): deployed
                for kind in WORKLOADS
                for uid, deployed in kept[kind].objects.items()
            },
            replica_sets=dict(kept["replicasets"].objects),
            pods=dict(kept["pods"].objects),
            others=Others(
                autoscalers=tuple(kept["autoscalers"].objects.values()),
                scaled_objects=tuple(kept["scaledobjects"].objects.values()),
                canaries=tuple(kept["canaries"].objects.values()),
                rollouts=tuple(kept["rollouts"].objects.values()),
                verticals=tuple(kept["verticals"].objects.values()),
            ),
            usage=self._usage.latest(),
            probes=dict(self._prober.latest()) if self._prober else {},
            own_namespace=self._settings.own_namespace,
            replicas_max=self._settings.replicas_max,
        )

    def _note(self, body: bytes) -> None:
        """Take what a write's answer shows, so that the next report is no older than that."""
        match msgspec.json.decode(body, type=_Kind).kind:
            case "HorizontalPodAutoscaler":
                self._caches["autoscalers"].note(decoder(ScalerObject)(msgspec.Raw(body)))
            case "ScaledObject":
                self._caches["scaledobjects"].note(decoder(ScalerObject)(msgspec.Raw(body)))
            case _:
                self._caches["Deployment"].note(workloads.boil_down(body))
