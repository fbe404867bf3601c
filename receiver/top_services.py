"""Which services send most, and what became of it, in bounded memory however many names there are.

Space-saving: a new name takes the place of the smallest one and inherits its count as an error
bound, so the truly large ones are always in. Source: Metwally, Agrawal and El Abbadi, "Efficient
Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

Service = tuple[str, str]
"""Namespace and name."""

NAMES_MAX: Final = 100
TOLD_MAX: Final = 20
NAME_CHARACTERS_MAX: Final = 200


def by_service(namespaces: pa.DictionaryArray, services: pa.DictionaryArray) -> dict[Service, int]:
    """Return how many rows there are of each service."""
    spaces, names = namespaces.dictionary, services.dictionary
    if not len(services):
        return {}
    if len(spaces) == len(names) == 1:
        return {(spaces[0].as_py(), names[0].as_py()): len(services)}
    place = namespaces.indices.to_numpy().astype(np.int64) * len(names)
    place += services.indices.to_numpy()
    found, counts = np.unique(place, return_counts=True)
    return {
        (spaces[one // len(names)].as_py(), names[one % len(names)].as_py()): count
        for one, count in zip(found.tolist(), counts.tolist(), strict=True)
    }


class _Tally:
    __slots__ = ("accepted", "inherited", "rejected")

    def __init__(self, inherited: int) -> None:
        self.accepted = self.rejected = 0
        self.inherited = inherited

    @property
    def size(self) -> int:
        return self.accepted + self.rejected + self.inherited


class TopServices:
    """The sketch. Its owner sees to it that one thread at a time uses it."""

    def __init__(self) -> None:
        self._tallies: dict[Service, _Tally] = {}

    def add(self, accepted: Mapping[Service, int], rejected: Mapping[Service, int]) -> None:
        """Count the items of a batch; of very many new names only the largest."""
        for counts, name in ((accepted, "accepted"), (rejected, "rejected")):
            ranked = counts.items()
            if len(counts) > NAMES_MAX:
                ranked = sorted(ranked, key=lambda item: -item[1])[:NAMES_MAX]  # type: ignore[assignment]
            for service, count in ranked:
                tally = self._tally(service)
                setattr(tally, name, getattr(tally, name) + count)

    def told(self) -> list[dict[str, Any]]:
        """Return the largest, largest first.

        `inherited`: so many items of its rank may have been those of names that it replaced.
        """
        largest = sorted(self._tallies.items(), key=lambda item: -item[1].size)[:TOLD_MAX]
        return [
            {
                "namespace": namespace[:NAME_CHARACTERS_MAX],
                "service": name[:NAME_CHARACTERS_MAX],
                "accepted": tally.accepted,
                "rejected": tally.rejected,
                "inherited": tally.inherited,
            }
            for (namespace, name), tally in largest
        ]

    def _tally(self, service: Service) -> _Tally:
        known = self._tallies.get(service)
        if known is None:
            inherited = 0
            if len(self._tallies) >= NAMES_MAX:
                smallest = min(self._tallies, key=lambda name: self._tallies[name].size)
                inherited = self._tallies.pop(smallest).size
            known = self._tallies[service] = _Tally(inherited)
        return known
