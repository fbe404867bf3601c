"""Draws the stories of the campaigns from a seed: lost telemetry, real faults under it, lies."""

from random import Random
from typing import Final

from bench.campaigns.scenario import (
    DISTURBANCES,
    LIES,
    Disturbance,
    Forgery,
    Happening,
    Place,
    Scenario,
    Trouble,
)
from bench.campaigns.swarm import COUNT, ROOT

SERVICES: Final = ("gateway", "search", "catalog", "orders", "payment", "stock", "rates")
INNER: Final = ("search", "catalog", "orders", "payment", "stock", "rates")
HEALABLE: Final = ("search", "catalog", "orders", "stock")
"""Where a fault is felt by users and may be healed; payment is not opted in, rates is steered."""
FAULTS: Final = ("overload", "bad_release", "crash_loop", "dead_service", "memory_leak")
EVENTS: Final = ("good_release", "lone_crash", "busy_hour")
WARM_COUNT: Final = 8
CALM_S: Final = 140.0
FAULT_S: Final = 320.0
LIE_S: Final = 120.0
STORM_S: Final = 200.0


def loss(seed: int) -> Scenario:
    """A healthy system whose telemetry suffers; half of the time something harmless happens too."""
    rng = Random(f"loss {seed}")
    happenings = _harmless(rng) if rng.random() < 0.5 else ()
    trouble = _trouble(rng, rng.choice(DISTURBANCES))
    return Scenario(
        name=f"loss: {trouble.kind}",
        seed=seed,
        warm=seed % WARM_COUNT,
        length_s=CALM_S,
        happenings=happenings,
        troubles=(trouble,),
    )


def fault(seed: int) -> Scenario:
    """A real fault, and the same troubles of telemetry as in `loss`."""
    rng = Random(f"fault {seed}")
    kind = rng.choice(FAULTS)
    service = "search" if kind == "overload" else rng.choice(HEALABLE)
    at_s = rng.uniform(10, 40)
    trouble = _trouble(rng, rng.choice(DISTURBANCES))
    return Scenario(
        name=f"{kind}: {trouble.kind}",
        seed=seed,
        warm=seed % WARM_COUNT,
        length_s=FAULT_S,
        happenings=(Happening(kind=kind, at_s=at_s, service=service, is_fault=True),),
        troubles=(trouble,),
    )


def storm(seed: int) -> Scenario:
    """One service that fifty need falls ill; every fourth time fifteen of the fifty do instead."""
    rng = Random(f"storm {seed}")
    place: Place = rng.choice(("swarm", "swarm without its gateway"))
    at_s = rng.uniform(5, 25)
    if seed % 4 == 3:
        kind, sick = "bad_release", rng.sample(range(COUNT), 15)
        services = [f"desk-{number:02}" for number in sorted(sick)]
    else:
        kind, services = rng.choice(("bad_release", "crash_loop", "dead_service")), [ROOT]
    return Scenario(
        name=f"storm: {'one cause' if services == [ROOT] else 'many causes'}",
        seed=seed,
        warm=0,
        place=place,
        length_s=STORM_S,
        happenings=tuple(
            Happening(kind=kind, at_s=at_s, service=service, is_fault=True) for service in services
        ),
    )


def lie(seed: int) -> Scenario:
    """All telemetry forged; a third of the time right after a genuine, good release."""
    rng = Random(f"lie {seed}")
    told = rng.choice(LIES)
    victim = rng.choice(INNER)
    happenings = list(_harmless(rng)) if rng.random() < 0.3 else []
    begin_s = rng.uniform(20, 40)
    if told == "new pods fail" or rng.random() < 0.3:
        at_s = begin_s - rng.uniform(2, 18)
        happenings.append(Happening(kind="good_release", at_s=at_s, service=victim, is_fault=False))
    if rng.random() < 0.15:  # a real fault elsewhere, which the lie hides or uses
        real = rng.choice([name for name in HEALABLE if name != victim])
        kind = rng.choice(("crash_loop", "dead_service", "bad_release"))
        happenings.append(Happening(kind=kind, at_s=begin_s, service=real, is_fault=True))
    forgery = Forgery(lie=told, victim=victim, begin_s=begin_s, surge=rng.choice((1.0, 1.5, 2.0)))
    return Scenario(
        name=f"lie: {told}",
        seed=seed,
        warm=seed % WARM_COUNT,
        length_s=LIE_S,
        happenings=tuple(happenings),
        forgery=forgery,
    )


def _harmless(rng: Random) -> tuple[Happening, ...]:
    kind = rng.choice(EVENTS)
    service = rng.choice(INNER)
    return (Happening(kind=kind, at_s=rng.uniform(5, 60), service=service, is_fault=False),)


def _trouble(rng: Random, kind: Disturbance) -> Trouble:
    """Some of it over all services, some over half of them; as mild and as bad as it comes."""
    half = frozenset(rng.sample(SERVICES, len(SERVICES) // 2))
    services = frozenset() if rng.random() < 0.5 else half
    begin_s = rng.uniform(0, 60)
    end_s = begin_s + rng.choice((30.0, 60.0, 1e6))
    amount = 0.0
    match kind:
        case "delayed":
            amount = rng.uniform(3, 60)
        case "sampled":
            amount, services = rng.choice((0.5, 0.2, 0.1, 0.01)), frozenset()
        case "skewed":
            amount = rng.choice((-1, 1)) * rng.choice((2.0, 8.0, 30.0, 90.0, 3600.0))
        case "restarted":
            end_s, services = begin_s + rng.uniform(5, 60), frozenset()
            amount = rng.choice((0.0, 0.5))
        case "silent" | "doubled":
            pass
    return Trouble(kind=kind, begin_s=begin_s, end_s=end_s, services=services, amount=amount)
