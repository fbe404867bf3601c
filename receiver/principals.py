"""Who sends, and for which services it may speak.

A principal is told by a bearer token or by the subject of a client certificate. Both are listed in
one YAML file:

    principals:
      gateway:
        tokens: [the-new-one-of-32-characters-or-more, the-old-one-while-it-is-replaced]
        services: ["*"]
      cart-team:
        certificates: ["cart.shop.svc", "spiffe://cluster.local/ns/shop/sa/cart"]
        services: ["shop/cart", "shop/cart-*"]

Source: RFC 6750 (bearer tokens). Tokens are looked up by a keyed digest and compared in constant
time, so that how long an answer takes says nothing about them.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

TOKEN_CHARACTERS_MIN: Final = 32
_KEYS: Final = {"tokens", "certificates", "services"}
_KEY: Final = os.urandom(32)
_REMEMBERED: Final = 65_536
_REMEMBERED_CHARACTERS_MAX: Final = 256


class PrincipalsError(ValueError):
    """The file of principals cannot be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One authenticated sender. `services`: patterns of `namespace/service` it may speak for."""

    name: str
    services: tuple[str, ...] = ()

    def speaks_for(self, namespace: str, service: str) -> bool:
        """Return whether what it says of this service counts as the service's own word."""
        if len(namespace) + len(service) > _REMEMBERED_CHARACTERS_MAX:
            return _speaks_for(self, namespace, service)
        return _remembered_speaks_for(self, namespace, service)


def _speaks_for(principal: Principal, namespace: str, service: str) -> bool:
    for pattern in principal.services:
        of_namespace, _, of_service = pattern.partition("/")
        if pattern == "*" or (
            fnmatchcase(namespace, of_namespace) and fnmatchcase(service, of_service)
        ):
            return True
    return False


_remembered_speaks_for = lru_cache(maxsize=_REMEMBERED)(_speaks_for)


NOBODY: Final = Principal(name="")
"""The principal of those that are not asked who they are; it speaks for no service."""


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode(), key=_KEY, digest_size=32).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Principals:
    """All principals that are known."""

    by_token: Mapping[bytes, tuple[bytes, Principal]] = field(default_factory=dict)
    by_certificate: Mapping[str, Principal] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            PrincipalsError: naming what is wrong in it.
        """
        import yaml  # noqa: PLC0415 - a receiver without such a file starts without it

        try:
            tree = yaml.safe_load(path.read_text())
        except OSError as error:
            raise PrincipalsError(f"{path}: cannot be read: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise PrincipalsError(f"{path}: is not YAML") from error
        listed = tree.get("principals") if isinstance(tree, dict) else None
        if not isinstance(listed, dict) or not listed:
            raise PrincipalsError(f"{path}: expected a section `principals` with their names")
        by_token: dict[bytes, tuple[bytes, Principal]] = {}
        by_certificate: dict[str, Principal] = {}
        for name, told in listed.items():
            where = f"{path}: principals.{name}"
            principal = _principal(str(name), told, where)
            for token in _texts(told, "tokens", where):
                if len(token) < TOKEN_CHARACTERS_MIN:
                    raise PrincipalsError(
                        f"{where}.tokens: got one of {len(token)} characters: "
                        f"expected at least {TOKEN_CHARACTERS_MIN}, such as `openssl rand -hex 32`"
                    )
                if (known := by_token.get(_digest(token))) is not None:
                    raise PrincipalsError(f"{where}.tokens: one is that of {known[1].name} too")
                by_token[_digest(token)] = token.encode(), principal
            for subject in _texts(told, "certificates", where):
                if (other := by_certificate.get(subject)) is not None:
                    raise PrincipalsError(f"{where}.certificates: {subject!r} is {other.name}'s")
                by_certificate[subject] = principal
        return cls(by_token=by_token, by_certificate=by_certificate)

    def of_token(self, token: str) -> Principal | None:
        """Return whose token it is."""
        known = self.by_token.get(_digest(token))
        if known is None or not hmac.compare_digest(known[0], token.encode()):
            return None
        return known[1]

    def of_certificate(self, subjects: Sequence[str]) -> Principal:
        """Return whose certificate has one of these names; a stranger's speaks for nobody.

        The certificate is one that our authority signed: who it is, is sure. What it may say is
        not, unless the file says so.
        """
        for subject in subjects:
            if subject in self.by_certificate:
                return self.by_certificate[subject]
        return Principal(name=f"certificate:{subjects[0]}" if subjects else "certificate:")


def _principal(name: str, told: Any, where: str) -> Principal:
    if not isinstance(told, dict):
        raise PrincipalsError(f"{where}: expected tokens or certificates, and services")
    for key in told:
        if key not in _KEYS:
            raise PrincipalsError(f"{where}.{key}: there is no such key; use {sorted(_KEYS)}")
    if not told.get("tokens") and not told.get("certificates"):
        raise PrincipalsError(f"{where}: expected `tokens` or `certificates` to know it by")
    services = _texts(told, "services", where)
    for pattern in services:
        if pattern != "*" and "/" not in pattern:
            raise PrincipalsError(
                f"{where}.services: got {pattern!r}: expected namespace/service, "
                "in which * stands for any text, or * alone"
            )
    return Principal(name=name, services=services)


def _texts(told: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    found = told.get(key) or []
    if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
        raise PrincipalsError(f"{where}.{key}: expected a list of texts")
    return tuple(found)
