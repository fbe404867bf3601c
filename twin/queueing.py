"""Offered load of a system: what its requests cost each service.

Utilisation law U = X S / c: Denning and Buzen 1978, "The Operational Analysis of Queueing Network
Models", ACM Computing Surveys 10:3. The formulas of the queues are in knowledge/erlang.py.
"""

from collections.abc import Mapping

from twin.model import System


def work_ms_per_request(system: System, operation: str) -> dict[str, float]:
    """Return, per service, the worker milliseconds that one entry request of a kind costs."""
    work_ms: dict[str, float] = {}

    def visit(service: str, name: str) -> None:
        found = system.operation(service, name)
        work_ms[service] = work_ms.get(service, 0.0) + found.service_ms_mean
        for call in (call for step in found.steps for call in step):
            visit(call.service, call.operation)

    visit(system.entry, operation)
    return work_ms


def required_services(system: System, operation: str) -> frozenset[str]:
    """Return the services without which an entry request of a kind fails."""
    found: set[str] = set()

    def visit(service: str, name: str) -> None:
        found.add(service)
        for step in system.operation(service, name).steps:
            for call in step:
                if call.is_required:
                    visit(call.service, call.operation)

    visit(system.entry, operation)
    return frozenset(found)


def offered_load(system: System, arrivals_per_s: Mapping[str, float]) -> dict[str, float]:
    """Return, per service, the mean number of workers that the arrivals keep busy (erlang)."""
    load = {service.name: 0.0 for service in system.services}
    for operation, rate_per_s in arrivals_per_s.items():
        for service, work_ms in work_ms_per_request(system, operation).items():
            load[service] += rate_per_s * work_ms / 1000.0
    return load
