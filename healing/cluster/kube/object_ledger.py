"""The ledger of several replicas: one ConfigMap in our own namespace, changed by compare and swap.

One object, so that what is kept is kept whole and an epoch that is over can keep nothing more: the
successor's first write changes its version. A key for each plan; what is over is shortened to what
the stop figures count. https://kubernetes.io/docs/concepts/configuration/configmap/
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import ValidationError

from healing.cluster.action_ledger import LedgerUnavailableError, StaleEpochError
from healing.cluster.kube.api import UNREACHABLE, Answer, Api
from knowledge.cluster import WriteIntent, WriteOutcome
from knowledge.codec import from_json, to_json
from knowledge.memory import Memory
from knowledge.orders import Order
from knowledge.plans import ApprovedPlan, Verdict
from knowledge.ticks import TickInputs, TickOutputs

NAME: Final = "homeostat-ledger"
EPOCH: Final = "epoch"
HOLDER: Final = "holder"
ORDERS: Final = "orders"
BYTES_MAX: Final = 900_000
"""A ConfigMap holds 1 MiB in all."""
RETENTION_S: Final = 86_400.0
"""As long as any stop figure counts back."""
REGULATION_S: Final = 7_200.0
ORDERS_MAX: Final = 200
TRIES_MAX: Final = 4
NOT_FOUND: Final = 404
CONFLICT: Final = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of one plan."""

    approved: tuple[ApprovedPlan, ...] = ()
    intents: tuple[WriteIntent, ...] = ()
    outcomes: tuple[WriteOutcome, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether something of it is still to be finished."""
        ended = {o.intent_id for o in self.outcomes if o.status != "unknown"}
        happened = any(o.status == "applied" for o in self.outcomes)
        is_unjudged = bool(self.approved) and happened and not self.verdicts
        return is_unjudged or any(i.id not in ended for i in self.intents)

    def is_old(self, now_unix_ns: int) -> bool:
        """Whether no stop figure counts back so far: an hour is the most that regulation's do."""
        is_regulation = all(intent.profile == "regulation" for intent in self.intents)
        kept_s = REGULATION_S if is_regulation else RETENTION_S
        horizon = now_unix_ns - int(kept_s * 1e9)
        return all(intent.created_unix_ns < horizon for intent in self.intents)


@dataclass
class _Content:
    """The object as it is to be; `version` None: it must be looked up first."""

    epoch: int = 0
    holder: str = ""
    plans: dict[str, Kept] = field(default_factory=dict)
    orders: tuple[Order, ...] = ()
    version: str | None = None


class ObjectLedger:
    """An `ActionLedger` in a ConfigMap."""

    def __init__(
        self, api: Api, namespace: str, *, identity: str, now_unix_ns: Callable[[], int]
    ) -> None:
        self._api = api
        self._identity = identity
        self._now_unix_ns = now_unix_ns
        self._collection = f"/api/v1/namespaces/{namespace}/configmaps"
        self._path = f"{self._collection}/{NAME}"
        self._content = _Content()
        self._is_dirty = False

    async def begin(self, epoch: int) -> Memory:
        """Begin an epoch and return what those before it left.

        Raises:
            StaleEpochError: a later one has begun, or this one was used already.
            LedgerUnavailableError: it cannot be begun now.
        """
        for _ in range(TRIES_MAX):
            found = await self._look()
            is_ours = (found.epoch, found.holder) == (epoch, self._identity)
            if found.epoch >= epoch and not is_ours:
                raise StaleEpochError(found.epoch)
            self._content = replace(found, epoch=epoch, holder=self._identity)
            if await self._put():
                return _memory(self._content)
        raise LedgerUnavailableError(f"{NAME} was changed by others {TRIES_MAX} times in a row")

    async def keep(self, inputs: TickInputs, outputs: TickOutputs) -> None:
        """Make a tick's orders, plans, intents and verdicts durable; the rest is the journal's.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept.
        """
        # an approval is for the moment that it was given in, pauses hold on
        orders = tuple(order for order in inputs.orders if order.kind != "approve")
        if orders:
            self._content.orders += orders
            self._is_dirty = True
        for approved in outputs.approved:
            self._add(approved.plan.id, Kept(approved=(approved,)))
        for intent in outputs.intents:
            known = self._content.plans.get(intent.plan_id, Kept())
            if intent not in known.intents:  # one that is tried again is there already
                self._add(intent.plan_id, Kept(intents=(intent,)))
        for verdict in outputs.verdicts:
            self._add(verdict.plan_id, Kept(verdicts=(verdict,)))
        if self._is_dirty:
            await self._store()

    async def settle(self, outcome: WriteOutcome) -> None:
        """Keep what became of a write.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept yet; it will be with the next that is.
        """
        await self.hand_on(outcome, ())

    async def hand_on(self, outcome: WriteOutcome, anew: tuple[WriteIntent, ...]) -> None:
        """Keep what became of a write together with what is to be written in its stead.

        Raises:
            StaleEpochError: another has begun a later epoch.
            LedgerUnavailableError: it is not kept yet; it will be with the next that is.
        """
        for plan_id, kept in tuple(self._content.plans.items()):
            if any(intent.id == outcome.intent_id for intent in kept.intents):
                self._add(plan_id, Kept(outcomes=(outcome,), intents=anew))
        await self._store()

    def _add(self, plan_id: str, more: Kept) -> None:
        known = self._content.plans.get(plan_id, Kept())
        self._content.plans[plan_id] = Kept(
            approved=known.approved + more.approved,
            intents=known.intents + more.intents,
            outcomes=known.outcomes + more.outcomes,
            verdicts=known.verdicts + more.verdicts,
        )
        self._is_dirty = True

    def _prune(self) -> None:
        now, content = self._now_unix_ns(), self._content
        for plan_id, kept in tuple(content.plans.items()):
            if kept.is_open:
                continue
            if kept.is_old(now):
                del content.plans[plan_id]
            else:
                content.plans[plan_id] = replace(kept, approved=())
        content.orders = orders_in_force(content.orders, now)

    async def _store(self) -> None:
        """Put the content in place of what is there, if that is still of our epoch."""
        for _ in range(TRIES_MAX):
            if self._content.version is None:
                await self._refresh()
            if await self._put():
                return
        raise LedgerUnavailableError(f"{NAME} was changed by others {TRIES_MAX} times in a row")

    async def _put(self) -> bool:
        """Put the content in place of the version that was seen; False where it has changed."""
        self._prune()
        answer = await self._send(self._data())
        if answer.ok:
            self._content.version = answer.json()["metadata"]["resourceVersion"]
            self._is_dirty = False
        elif answer.status not in {CONFLICT, NOT_FOUND}:
            raise LedgerUnavailableError(f"{NAME}: {answer.message()}")
        return answer.ok

    def _data(self) -> dict[str, str]:
        content = self._content
        data = {_key(plan_id): to_json(kept).decode() for plan_id, kept in content.plans.items()}
        data |= {EPOCH: str(content.epoch), HOLDER: content.holder}
        data[ORDERS] = to_json(content.orders, tuple[Order, ...]).decode()
        size = sum(map(len, data.values()))
        if size > BYTES_MAX:
            raise LedgerUnavailableError(
                f"{NAME} would have {size} bytes, over {BYTES_MAX}: too many actions in a day"
            )
        return data

    async def _refresh(self) -> None:
        """Learn the present version; an object of a later epoch is not ours to write."""
        found = await self._look()
        is_ours = found.holder == self._identity
        if found.epoch > self._content.epoch or (found.epoch and not is_ours):
            raise StaleEpochError(found.epoch)
        self._content.version = found.version

    async def _send(self, data: dict[str, str]) -> Answer:
        version = self._content.version
        meta = {"name": NAME, **({"resourceVersion": version} if version else {})}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
        method, path = ("PUT", self._path) if version else ("POST", self._collection)
        self._content.version = None  # until an answer says otherwise
        try:
            return await self._api.send(method, path, body)
        except UNREACHABLE as error:
            raise LedgerUnavailableError(f"{NAME}: {error!r}") from error

    async def _look(self) -> _Content:
        try:
            answer = await self._api.get(self._path)
        except UNREACHABLE as error:
            raise LedgerUnavailableError(f"{NAME}: {error!r}") from error
        if answer.status == NOT_FOUND:
            return _Content(version="")
        if not answer.ok:
            raise LedgerUnavailableError(f"{NAME}: {answer.message()}")
        return _content(answer.json())


def _content(body: dict[str, Any]) -> _Content:
    data = dict(body.get("data") or {})
    epoch, holder, orders = (data.pop(key, "") for key in (EPOCH, HOLDER, ORDERS))
    plans: dict[str, Kept] = {}
    try:
        for text in data.values():
            kept = from_json(Kept, text)
            plans[kept.intents[0].plan_id if kept.intents else kept.approved[0].plan.id] = kept
        return _Content(
            epoch=int(epoch or 0),
            holder=holder,
            plans=plans,
            orders=from_json(tuple[Order, ...], orders or "[]"),
            version=body["metadata"]["resourceVersion"],
        )
    except (ValidationError, ValueError, IndexError) as error:
        # what cannot be read cannot be judged: nothing is begun on top of it
        raise LedgerUnavailableError(
            f"{NAME} cannot be read: {error}: repair it, or delete it when nothing is in force"
        ) from error


def _key(plan_id: str) -> str:
    return f"plan-{hashlib.sha256(plan_id.encode()).hexdigest()[:16]}"


def orders_in_force(orders: tuple[Order, ...], now_unix_ns: int) -> tuple[Order, ...]:
    """The orders that a successor must know: each pause that is not over, whatever came since.

    A pause that was ended goes with the order that ended it. Approvals are for their moment only.
    """
    ended = {order.id for order in orders if order.kind == "resume"}
    pauses = {order.id for order in orders if order.kind == "pause"}
    resumed = [o for o in orders if o.kind == "resume" and o.id not in pauses][-ORDERS_MAX:]
    return tuple(
        order
        for order in orders
        if order in resumed
        or (
            order.kind == "pause"
            and order.id not in ended
            and (order.expires_unix_ns is None or order.expires_unix_ns >= now_unix_ns)
        )
    )


def _memory(content: _Content) -> Memory:
    """All of it as a journal tells it, in the order in which it was begun."""
    plans = content.plans.values()
    ordered = sorted(plans, key=lambda k: k.intents[0].created_unix_ns if k.intents else 0)
    return Memory(
        approved=tuple(a for kept in ordered for a in kept.approved),
        intents=tuple(i for kept in ordered for i in kept.intents),
        outcomes=tuple(o for kept in ordered for o in kept.outcomes),
        verdicts=tuple(v for kept in ordered for v in kept.verdicts),
        orders=content.orders,
    )
