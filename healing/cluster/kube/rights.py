"""Do we have rights that we must not have? Then somebody else may use them through us.

Each forbidden right is asked for by itself: the review that lists all rights is incomplete beside a
webhook authorizer. https://kubernetes.io/docs/reference/access-authn-authz/authorization/
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from healing.cluster.kube.api import UNREACHABLE, Api

log = logging.getLogger(__name__)
PATH: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
PERIOD_S: Final = 600.0
RETRY_S: Final = 10.0
PAUSE_S: Final = 0.25
"""Between two questions: there is no hurry."""
UNKNOWN: Final = "what our rights are is not known yet"
Right = tuple[str, str, str]
FORBIDDEN: Final[tuple[Right, ...]] = (
    ("*", "*", "*"),
    ("get", "", "secrets"),
    ("list", "", "secrets"),
    ("create", "", "pods"),
    ("create", "", "pods/exec"),
    ("create", "", "serviceaccounts/token"),
    ("delete", "", "namespaces"),
    ("delete", "", "pods"),
    ("patch", "", "nodes"),
    ("impersonate", "", "users"),
    ("create", "apps", "deployments"),
    ("delete", "apps", "deployments"),
    ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    ("delete", "admissionregistration.k8s.io", "validatingadmissionpolicies"),
)
"""(verb, group, resource[/subresource]): with any of them our account could do what we never do."""


class _Status(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Status


class Rights:
    """What we may and must not. `excess` is None until it is known."""

    def __init__(self, api: Api, namespaces: Iterable[str]) -> None:
        self._api = api
        self._places = ("", *namespaces)
        self.excess: tuple[str, ...] | None = None

    def why_not(self) -> str | None:
        """Return why nothing may be written, if that is so."""
        if self.excess is None:
            return UNKNOWN
        if not self.excess:
            return None
        return f"observing only: our account may {'; '.join(self.excess[:3])}"

    async def run(self) -> None:
        """Ask now and then until cancelled."""
        while True:
            found = await self._asked()
            if found and found != self.excess:
                log.error(
                    "OUR RIGHTS EXCEED WHAT WE NEED, SO NOTHING IS CHANGED: we may %s. "
                    "Bind the account to what `homeostat rbac` prints and nothing else",
                    "; ".join(found),
                )
            self.excess = found if found is not None else self.excess
            await asyncio.sleep(PERIOD_S if found is not None else RETRY_S)

    async def _asked(self) -> tuple[str, ...] | None:
        """The forbidden rights that we have; None where that cannot be learnt."""
        found = []
        for verb, group, resource in FORBIDDEN:
            for place in self._places:
                allowed = await self._may(verb, group, resource, place)
                if allowed is None:
                    return None
                if allowed:
                    where = f" in {place}" if place else ""
                    found.append(f"{verb} {resource}{f'.{group}' if group else ''}{where}")
                    break
                await asyncio.sleep(PAUSE_S)
        return tuple(found)

    async def _may(self, verb: str, group: str, resource: str, place: str) -> bool | None:
        kind, _, subresource = resource.partition("/")
        right = {
            "verb": verb,
            "group": group,
            "resource": kind,
            "subresource": subresource,
            "namespace": place,
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": right},
        }
        try:
            answer = await self._api.send("POST", PATH, body)
            review = msgspec.json.decode(answer.body, type=_Review) if answer.ok else None
        except (*UNREACHABLE, msgspec.DecodeError):
            return None
        return review.status.allowed if review else None
