"""What an autoscaler decided about one workload, and what came of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Regulated:
    """One look of one autoscaler.

    `replicas`: there are now (None: the workload is not seen). `wanted`: by the controller alone
    (None: it holds). `target`: after the arbiter. `held_by`: the guard that said no to a change.
    """

    workload: str
    policy: str
    replicas: int | None
    wanted: int | None
    target: int | None
    reason: str
    held_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Somebody else set the replicas of a workload (by its name in the settings): hands off."""

    workload: str
    until_unix_ns: int
