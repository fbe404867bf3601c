"""Kubernetes quantities, such as 250m or 1.5Gi.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from typing import Final

_BINARY: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL: Final = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
}


def parse_quantity(text: str) -> float | None:
    """Return the number in base units (cores, bytes); None if it is none.

    >>> parse_quantity("250m"), parse_quantity("1.5Gi"), parse_quantity("2e3"), parse_quantity("x")
    (0.25, 1610612736.0, 2000.0, None)
    """
    for suffixes in (_BINARY, _DECIMAL):
        for suffix, factor in suffixes.items():
            if text.endswith(suffix):
                number = _number(text.removesuffix(suffix))
                return None if number is None else number * factor
    return _number(text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
