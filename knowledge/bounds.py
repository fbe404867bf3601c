"""Rules that many settings share."""

from dataclasses import fields
from math import isfinite
from typing import Any


def require_positive(settings: Any, *, zero_is_fine: frozenset[str] = frozenset()) -> None:
    """Check that every number of a settings dataclass is above 0.

    Raises:
        ValueError: naming the field, what it got and what was expected.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not isfinite(value):
            raise ValueError(f"{field.name} must be a finite number, got {value}")
        if value < 0 or (value == 0 and field.name not in zero_is_fine):
            least = "0 or more" if field.name in zero_is_fine else "above 0"
            raise ValueError(f"{field.name} must be {least}, got {value}")


def require_share(settings: Any, names: frozenset[str]) -> None:
    """Check that shares are at most 1: above it a limit would limit nothing.

    Raises:
        ValueError: naming the field, what it got and what was expected.
    """
    for name in sorted(names):
        if getattr(settings, name) > 1:
            raise ValueError(f"{name} must be at most 1, got {getattr(settings, name)}")
