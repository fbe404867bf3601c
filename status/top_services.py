"""Which services send most, added up over all receivers."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, Field

SHOWN_MAX: Final = 20


class TopServiceView(BaseModel):
    """How many items came of one service, as the receivers counted them."""

    namespace: str
    service: str
    accepted: int
    rejected: int
    inherited: int = Field(description="of its rank, so many may be those of names it replaced")


def top_services(told: Iterable[Iterable[Mapping[str, Any]]]) -> list[TopServiceView]:
    """Return the largest, largest first; `told`: what each receiver says."""
    sums: dict[tuple[str, str], TopServiceView] = {}
    for one in (TopServiceView.model_validate(one) for receiver in told for one in receiver):
        total = sums.setdefault(
            (one.namespace, one.service),
            TopServiceView(
                namespace=one.namespace, service=one.service, accepted=0, rejected=0, inherited=0
            ),
        )
        total.accepted += one.accepted
        total.rejected += one.rejected
        total.inherited += one.inherited
    ranked = sorted(sums.values(), key=lambda one: -(one.accepted + one.rejected + one.inherited))
    return ranked[:SHOWN_MAX]
