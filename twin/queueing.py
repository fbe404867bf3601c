"""Offered load of a system, and the formulas that its queues are held against.

Utilisation law U = X S / c: Denning and Buzen 1978, "The Operational Analysis of Queueing Network
Models", ACM Computing Surveys 10:3. Erlang C: Erlang 1917; as in Kleinrock 1975, "Queueing Systems"
volume 1, section 3.5.
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


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that an arrival must wait in M/M/c.

    Raises:
        ValueError: the load (erlang) is not below the number of servers.
    """
    if not 0.0 <= load < servers:
        raise ValueError(f"load {load} is not below {servers} servers")
    blocked = 1.0  # Erlang B by its recursion over the number of servers
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked / (1.0 - load / servers * (1.0 - blocked))


def mean_wait_ms(servers: int, arrivals_per_s: float, service_ms_mean: float) -> float:
    """Return the mean time in the queue of M/M/c.

    Raises:
        ValueError: the load is not below the number of servers.
    """
    load = arrivals_per_s * service_ms_mean / 1000.0
    return erlang_c(servers, load) * service_ms_mean / (servers - load)
