"""A cooldown outside of the HPA: after a change none for a while. Off unless it is given a time.

The Kubernetes HPA has no such thing, its stabilisation window serves that purpose.
"""

from dataclasses import dataclass
from typing import Final

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownState:
    """When the replicas were last changed; None: never."""

    changed_unix_ns: int | None = None


class Cooldown:
    """Lets a change through only if the last one is `cooldown_s` ago; 0 lets all through."""

    def __init__(self, cooldown_s: float = 0.0) -> None:
        if cooldown_s < 0.0:
            raise ValueError(f"cooldown_s {cooldown_s}: expected 0 (off) or more")
        self._cooldown_s = cooldown_s

    def step(
        self, state: CooldownState, wanted: tuple[int, int], *, now_unix_ns: int
    ) -> tuple[CooldownState, int]:
        """Return the replicas to have; `wanted` is (present, wanted)."""
        present, replicas = wanted
        if replicas == present:
            return state, present
        last = state.changed_unix_ns
        if last is not None and now_unix_ns - last < self._cooldown_s * NS_PER_S:
            return state, present
        return CooldownState(changed_unix_ns=now_unix_ns), replicas
