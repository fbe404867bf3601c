"""Fifty services that all need one: when that one falls ill, all of them are sick, and none is.

Requests come in by a gateway; where it says nothing of itself, each of the fifty is what users see.
"""

from typing import Final

from twin.model import Call, Operation, RequestKind, Service, System

COUNT: Final = 50
ROOT: Final = "ledger"
_NAMES: Final = tuple(f"desk-{number:02}" for number in range(COUNT))


def _desk(name: str) -> Service:
    call = Call(service=ROOT, operation="POST /entries")
    return Service(
        name=name,
        replicas=2,
        replicas_max=4,
        versions=("1.0.0", "1.1.0"),
        operations=(Operation(name="POST /work", service_ms_mean=80, steps=((call,),)),),
    )


SWARM: Final = System(
    namespace="town",
    entry="gateway",
    services=(
        Service(
            name="gateway",
            replicas=4,
            replicas_max=8,
            versions=("1.0.0", "1.1.0"),
            operations=tuple(
                Operation(
                    name=f"POST /{name}",
                    service_ms_mean=40,
                    steps=((Call(service=name, operation="POST /work"),),),
                )
                for name in _NAMES
            ),
        ),
        *(_desk(name) for name in _NAMES),
        Service(
            name=ROOT,
            replicas=4,
            replicas_max=8,
            versions=("1.0.0", "1.1.0"),
            operations=(Operation(name="POST /entries", service_ms_mean=60),),
        ),
    ),
    kinds=tuple(RequestKind(operation=f"POST /{name}", arrivals_per_s=0.3) for name in _NAMES),
)
