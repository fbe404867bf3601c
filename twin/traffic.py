"""Requests, one by one: arrivals, queues, work, calls, timeouts, and the spans that they leave.

A pod is a queue of its own with `workers` servers and a bound; pods of a service take turns.
"""

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from twin.agenda import Agenda
from twin.model import NS_PER_MS, NS_PER_S, Call, Operation, System
from twin.pods import Deployment, PodState
from twin.telemetry import LogRecord, SpanRecord, SpanShape

CALL_TIMEOUT_NS: Final = 3 * NS_PER_S
NETWORK_MIN_NS: Final = 300_000
NETWORK_RANGE_NS: Final = 400_000

OK: Final = 200
INTERNAL_ERROR: Final = 500
BUSY: Final = 503
CALLEE_TIMEOUT: Final = 504
NO_ANSWER: Final = 0

EXTERNAL_SIGMA: Final = 0.3
"""Spread of the logarithm of the time that an external store takes."""


class Visit:
    """One request inside one pod."""

    __slots__ = (
        "call",
        "complaint",
        "failed_status",
        "is_lost",
        "operation",
        "pod",
        "span_id",
        "start_unix_ns",
        "step",
        "trace_id",
        "waiting_for",
        "work_ns",
    )

    def __init__(
        self, pod: PodState, operation: Operation, trace_id: bytes, start_unix_ns: int
    ) -> None:
        self.pod = pod
        self.operation = operation
        self.trace_id = trace_id
        self.start_unix_ns = start_unix_ns
        self.span_id = b""
        self.call: OpenCall | None = None  # None: it came from a user
        self.step = 0
        self.waiting_for = 0
        self.failed_status = OK
        self.complaint = ""
        self.work_ns = 0
        self.is_lost = False


class OpenCall:
    """One call as its caller sees it."""

    __slots__ = ("call", "caller", "is_settled", "span_id", "start_unix_ns")

    def __init__(self, call: Call, caller: Visit, span_id: bytes, start_unix_ns: int) -> None:
        self.call = call
        self.caller = caller
        self.span_id = span_id
        self.start_unix_ns = start_unix_ns
        self.is_settled = False


class Traffic:
    """The users' requests and all that follows from them."""

    def __init__(
        self,
        *,
        system: System,
        deployments: Mapping[str, Deployment],
        agenda: Agenda,
        rng: Random,
        on_drained: Callable[[PodState], None],
    ) -> None:
        self._system = system
        self._deployments = deployments
        self._agenda = agenda
        self._rng = rng
        self._on_drained = on_drained
        self._demand_version: dict[str, int] = {}
        self.arrivals_per_s: dict[str, float] = {}
        for kind in system.kinds:
            self.set_demand(kind.operation, kind.arrivals_per_s)

    def set_demand(self, operation: str, arrivals_per_s: float) -> None:
        """Let entry requests of a kind come at this rate from now on, as a Poisson stream."""
        version = self._demand_version.get(operation, 0) + 1
        self._demand_version[operation] = version
        self.arrivals_per_s[operation] = arrivals_per_s
        self._arrange_arrival((operation, version))

    def _arrange_arrival(self, stream: tuple[str, int]) -> None:
        rate_per_s = self.arrivals_per_s[stream[0]]
        if rate_per_s > 0.0:
            delay_ns = int(self._rng.expovariate(rate_per_s) * NS_PER_S)
            self._agenda.after(delay_ns, self._enter, stream)

    def _enter(self, stream: tuple[str, int]) -> None:
        name, version = stream
        if version != self._demand_version[name]:
            return
        self._arrange_arrival(stream)
        deployment = self._deployments[self._system.entry]
        pod = deployment.next_endpoint()
        if pod is not None:
            trace_id = self._rng.getrandbits(128).to_bytes(16, "big")
            operation = deployment.operation(name)[0]
            self._accept(Visit(pod, operation, trace_id, self._agenda.now_unix_ns))

    def _new_span_id(self) -> bytes:
        return self._rng.getrandbits(64).to_bytes(8, "big")

    def _network_ns(self) -> int:
        return NETWORK_MIN_NS + int(self._rng.random() * NETWORK_RANGE_NS)

    def _accept(self, visit: Visit) -> None:
        visit.span_id = self._new_span_id()
        pod = visit.pod
        pod.visits[visit] = None
        if pod.busy < pod.deployment.service.workers:
            self._begin(visit)
        elif len(pod.queue) < pod.deployment.service.queue_max:
            pod.queue.append(visit)
        else:
            self._respond(visit, BUSY, "request queue is full")

    def _begin(self, visit: Visit) -> None:
        pod = visit.pod
        pod.busy += 1
        operation, mu, sigma = pod.deployment.operation(visit.operation.name)
        if operation.law == "exponential":
            work_ns = self._rng.expovariate(1.0) * operation.service_ms_mean * NS_PER_MS
        else:
            work_ns = math.exp(self._rng.gauss(mu, sigma))
        visit.work_ns = int(work_ns * pod.pause)
        self._agenda.after(visit.work_ns, self._worked, visit)

    def _worked(self, visit: Visit) -> None:
        if visit.is_lost:
            return
        pod = visit.pod
        pod.cpu_ns += visit.work_ns
        pod.busy -= 1
        if pod.queue:
            self._begin(pod.queue.popleft())
        error_ratio = visit.operation.error_ratio + pod.template.release.error_ratio
        if self._rng.random() < error_ratio:
            self._respond(visit, INTERNAL_ERROR, "unhandled exception in request handler")
        elif pod.deployment.external_ms_mean > 0.0:
            mu = math.log(pod.deployment.external_ms_mean * NS_PER_MS) - EXTERNAL_SIGMA**2 / 2
            external_ns = int(math.exp(self._rng.gauss(mu, EXTERNAL_SIGMA)))
            self._agenda.after(external_ns, self._go_on, visit)
        else:
            self._go_on(visit)

    def _go_on(self, visit: Visit) -> None:
        if visit.is_lost:
            return
        steps = visit.operation.steps
        if visit.step == len(steps):
            self._respond(visit, OK, "")
            return
        calls = steps[visit.step]
        visit.step += 1
        visit.waiting_for = len(calls)
        for call in calls:
            opened = OpenCall(call, visit, self._new_span_id(), self._agenda.now_unix_ns)
            self._agenda.after(self._network_ns(), self._arrive, opened)
            self._agenda.after(CALL_TIMEOUT_NS, self._time_out, opened)

    def _arrive(self, opened: OpenCall) -> None:
        deployment = self._deployments[opened.call.service]
        pod = deployment.next_endpoint()
        if pod is None:
            self._agenda.after(
                self._network_ns(), self._answer, (opened, NO_ANSWER, "connection_refused")
            )
            return
        operation = deployment.operation(opened.call.operation)[0]
        visit = Visit(pod, operation, opened.caller.trace_id, self._agenda.now_unix_ns)
        visit.call = opened
        self._accept(visit)

    def _respond(self, visit: Visit, status_code: int, complaint: str) -> None:
        pod, opened, now_unix_ns = visit.pod, visit.call, self._agenda.now_unix_ns
        error_type = str(status_code) if complaint else ""
        shape = SpanShape("server", visit.operation.name, "", status_code, error_type)
        parent_span_id = opened.span_id if opened is not None else b""
        pod.outbox.serve(
            SpanRecord(
                shape,
                visit.trace_id,
                visit.span_id,
                parent_span_id,
                visit.start_unix_ns,
                now_unix_ns,
            )
        )
        if complaint:
            body = f"{visit.operation.name} failed with {status_code}: {complaint}"
            pod.outbox.logs.append(
                LogRecord(now_unix_ns, "ERROR", body, visit.trace_id, visit.span_id)
            )
        if opened is not None:
            answer = opened, status_code, error_type
            self._agenda.after(self._network_ns(), self._answer, answer)
        del pod.visits[visit]
        if not pod.visits:
            self._on_drained(pod)

    def _answer(self, answer: tuple[OpenCall, int, str]) -> None:
        opened, status_code, error_type = answer
        if not opened.is_settled:
            self._settle(opened, status_code, error_type)

    def _time_out(self, opened: OpenCall) -> None:
        if not opened.is_settled:
            self._settle(opened, NO_ANSWER, "timeout")

    def _settle(self, opened: OpenCall, status_code: int, error_type: str) -> None:
        opened.is_settled = True
        caller, call = opened.caller, opened.call
        if caller.is_lost:
            return
        shape = SpanShape("client", call.operation, call.service, status_code, error_type)
        caller.pod.outbox.spans.append(
            SpanRecord(
                shape,
                caller.trace_id,
                opened.span_id,
                caller.span_id,
                opened.start_unix_ns,
                self._agenda.now_unix_ns,
            )
        )
        if error_type and call.is_required:
            timed_out = error_type == "timeout"
            caller.failed_status = CALLEE_TIMEOUT if timed_out else INTERNAL_ERROR
            caller.complaint = f"call to {call.service} failed: {error_type}"
        caller.waiting_for -= 1
        if caller.waiting_for == 0:
            if caller.failed_status == OK:
                self._go_on(caller)
            else:
                self._respond(caller, caller.failed_status, caller.complaint)

    def drop(self, pod: PodState, *, is_silent: bool) -> None:
        """Lose all requests of a pod; callers see a reset, or nothing at all where it is silent."""
        for visit in pod.visits:
            visit.is_lost = True
            if visit.call is not None and not is_silent:
                answer = visit.call, NO_ANSWER, "connection_reset"
                self._agenda.after(self._network_ns(), self._answer, answer)
        pod.visits.clear()
        pod.queue.clear()
        pod.busy = 0
