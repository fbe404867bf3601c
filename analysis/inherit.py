"""Issues of a predecessor under the names that it gave them: what people know them by, and budgets.

Two replicas see the same trouble at moments of their own, so each would call it otherwise.
"""

from dataclasses import replace

from analysis.issues import places_of
from knowledge.issues import Issue


def inherited(own: tuple[Issue, ...], theirs: tuple[Issue, ...]) -> tuple[Issue, ...]:
    """Return our issues, the open ones as `theirs`, which were firing, where they are the same.

    The same: seen at the service that the other is about, or else at one where both are seen. One
    of theirs that we do not see goes on: it ends by what we see of its service from now on.
    """
    left = [issue for issue in own if issue.state != "resolved"]
    result = [issue for issue in own if issue.state == "resolved"]
    for known in theirs:
        same = _same(known, left)
        left = [issue for issue in left if issue not in same]
        if not same:
            result.append(known)
            continue
        places = tuple(dict.fromkeys(p for issue in (*same, known) for p in places_of(issue)))
        result.append(
            replace(
                same[0],
                id=known.id,
                state="firing",
                opened_unix_ns=known.opened_unix_ns,
                fired_unix_ns=known.fired_unix_ns,
                service=known.service,
                affected=places,
            )
        )
    return (*result, *left)


def _same(known: Issue, own: list[Issue]) -> list[Issue]:
    """Those of ours that it is, the surest first."""
    exact = [issue for issue in own if issue.service == known.service]
    places = set(places_of(known))
    return exact + [issue for issue in own if issue not in exact and places & set(places_of(issue))]
