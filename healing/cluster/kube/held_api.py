"""The connection to an API server with a circuit breaker around each kind of call.

A server that does not answer is not helped by more questions, and one that answers late makes
everybody who asks late. No answer, a 500 or 502 to 504, and answers later than 5 s count against
it. What a well server answers does not: 404, 409, 422, 403, nor 429, which says itself when to come
back; nor a 500 of somebody's webhook, which stands in the way of that one's objects only. Reads,
watches and writes have a breaker each: a server whose store is read-only still tells, and one whose
watches break can still be written to. So have events and reviews of our rights: no write waits for
what was told beside it.
"""

import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final, TypeVar

from healing.cluster.kube.api import UNREACHABLE, Answer, Api
from healing.control.circuit_breaker import (
    ASK,
    REFUSED,
    BreakerSettings,
    BreakerState,
    CircuitBreaker,
    Told,
)
from knowledge.breakers import BreakerRecord, CallKind

FAILED: Final = frozenset({500, 502, 503, 504})
INTERNAL_ERROR: Final = 500
OF_WEBHOOK: Final = "a webhook failed"
WEBHOOK: Final = ("failed calling webhook", "admission webhook", "conversion webhook")
"""What the server's message says where not it failed, but a webhook of somebody's:
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/"""
ASIDE: Final[dict[str, CallKind]] = {
    "/apis/events.k8s.io/": "event",
    "/apis/authorization.k8s.io/": "review",
}
"""Where what is sent changes nothing that we heal."""
SOON_S: Final = 1.0
"""When to ask again while others are trying out whether it answers."""
_OFTEN: Final = BreakerSettings(
    window="time",
    window_size=60,
    calls_min=10,
    slow_ratio=0.8,
    slow_s=5.0,
    wait_s=2.0,
    wait_factor=2.0,
    wait_s_max=15.0,
    jitter_ratio=0.3,
    permits=3,
    half_open_s_max=15.0,
)
SETTINGS: Final[dict[CallKind, BreakerSettings]] = {
    "read": _OFTEN,
    "watch": _OFTEN,
    "event": _OFTEN,
    "review": _OFTEN,
    "write": BreakerSettings(
        window="time",
        window_size=120,
        calls_min=4,
        slow_ratio=0.8,
        slow_s=5.0,
        wait_s=5.0,
        wait_factor=2.0,
        wait_s_max=60.0,
        jitter_ratio=0.3,
        permits=1,
        half_open_s_max=15.0,
    ),
}
"""There are few writes: four that fail within two minutes are enough to hold them back."""
T = TypeVar("T")


class HeldBackError(ConnectionError):
    """A call that was not made: surely nothing of it reached the server."""

    def __init__(self, calls: CallKind, *, last: str, after_s: float) -> None:
        """`last`: what became of the last call that failed or was late."""
        name = "watches" if calls == "watch" else f"{calls}s"
        super().__init__(
            f"not sent: too many {name} failed or were late (at last: {last}); "
            f"the next is tried in {after_s:.0f} s"
        )
        self.after_s = after_s


class CallBreaker:
    """One breaker with its state, and what is told of it."""

    def __init__(self, calls: CallKind, *, now_unix_ns: Callable[[], int], rng: Random) -> None:
        self._calls = calls
        self._breaker = CircuitBreaker(SETTINGS[calls])
        self._state: BreakerState = self._breaker.closed()
        self._now_unix_ns = now_unix_ns
        self._rng = rng
        self._held_back_count = 0
        self._last = "late answers"

    def record(self) -> BreakerRecord:
        """Return what there is to be told."""
        mode = self._state.mode
        reasons = {
            "closed": "",
            "half_open": "a few calls are tried",
            "open": f"after {self._last} the next is tried in {self._wait_s():.0f} s",
        }
        reason = reasons[mode]
        return BreakerRecord(
            calls=self._calls, mode=mode, held_back_count=self._held_back_count, reason=reason
        )

    async def around(self, call: Callable[[], Awaitable[T]], failure_of: Callable[[T], str]) -> T:
        """Make a call, or hold it back; `failure_of`: how the server failed, "" if it did not.

        Raises:
            HeldBackError: it was not made.
        """
        began = self._now_unix_ns()
        self._state, permit = self._breaker.step(self._state, ASK, now_unix_ns=began, rng=self._rng)
        if permit == REFUSED:
            self._held_back_count += 1
            raise HeldBackError(self._calls, last=self._last, after_s=self._wait_s())
        told = Told(permit, is_cancelled=True)  # unless something is known of it below
        try:
            answer = await call()
            failure = failure_of(answer)
            took_s = self._since_s(began) if failure != OF_WEBHOOK else 0.0  # nor was it late
            told = Told(permit, took_s, is_failed=failure not in {"", OF_WEBHOOK})
            self._last = failure if told.is_failed else self._last
        except UNREACHABLE as error:
            self._last = repr(error)
            told = Told(permit, self._since_s(began), is_failed=True)
            raise
        finally:
            now = self._now_unix_ns()
            self._state, _ = self._breaker.step(self._state, told, now_unix_ns=now, rng=self._rng)
        return answer

    def _since_s(self, began: int) -> float:
        return (self._now_unix_ns() - began) / 1e9

    def _wait_s(self) -> float:
        if self._state.mode != "open":
            return SOON_S
        return max((self._state.until_unix_ns - self._now_unix_ns()) / 1e9, 0.0)


class HeldApi(Api):
    """An API server that is asked less while it does not answer."""

    def __init__(
        self,
        client: Any,
        *,
        now_unix_ns: Callable[[], int] = time.monotonic_ns,
        rng: Random | None = None,
    ) -> None:
        """`now_unix_ns`: any clock that never goes back."""
        super().__init__(client)
        jitter = rng or Random()  # noqa: S311 - jitter, no secret
        self._breakers = {
            calls: CallBreaker(calls, now_unix_ns=now_unix_ns, rng=jitter) for calls in SETTINGS
        }

    def breakers(self) -> tuple[BreakerRecord, ...]:
        """Return how it stands with each kind of call."""
        return tuple(breaker.record() for breaker in self._breakers.values())

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        ask = super()._ask
        return await self._breakers[_kind(method, path)].around(
            lambda: ask(method, path, **more), _failure
        )

    async def stream(self, path: str, query: Any, *, idle_s: float) -> Any:
        """Open a watch, unless watches are held back."""
        stream = super().stream
        return await self._breakers["watch"].around(
            lambda: stream(path, query, idle_s=idle_s), _failure
        )


def _kind(method: str, path: str) -> CallKind:
    if method == "GET":
        return "read"
    return next((kind for start, kind in ASIDE.items() if path.startswith(start)), "write")


def _failure(answer: Any) -> str:
    status = int(answer.status)
    if status not in FAILED:
        return ""
    is_of_webhook = (
        status == INTERNAL_ERROR
        and isinstance(answer, Answer)
        and any(text in answer.message() for text in WEBHOOK)
    )
    return OF_WEBHOOK if is_of_webhook else f"status {status}"
