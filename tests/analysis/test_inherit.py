"""A successor calls the trouble what its predecessor called it."""

from dataclasses import replace

from analysis.inherit import inherited
from analysis.lifecycle import open_issue
from knowledge.identity import ServiceKey
from knowledge.issues import Issue

S = 10**9


def issue(service: str, at_s: int, *affected: str, state: str = "firing") -> Issue:
    """An issue at a service, opened at a second."""
    opened = open_issue(_key(service), (), now_unix_ns=at_s * S)
    fired = at_s * S + 1 if state == "firing" else None
    return replace(
        opened,
        state=state,  # type: ignore[arg-type]  # tests name it as text
        fired_unix_ns=fired,
        affected=tuple(map(_key, affected)),
    )


def _key(name: str) -> ServiceKey:
    return ServiceKey(namespace="shop", name=name)


def test_the_same_trouble_keeps_its_name_and_its_age() -> None:
    own, theirs = issue("web", 20, state="pending"), issue("web", 10)
    (found,) = inherited((own,), (theirs,))
    assert (found.id, found.state) == (theirs.id, "firing")
    assert (found.opened_unix_ns, found.fired_unix_ns) == (10 * S, 10 * S + 1)


def test_trouble_that_is_seen_at_another_of_its_places_is_the_same() -> None:
    own, theirs = issue("cart", 20, "cart", "web"), issue("web", 10, "web", "app")
    (found,) = inherited((own,), (theirs,))
    assert (found.id, found.service.name) == (theirs.id, "web")
    assert {place.name for place in found.affected} == {"web", "cart", "app"}


def test_two_of_ours_that_are_one_of_theirs_become_one() -> None:
    found = inherited((issue("web", 20), issue("app", 21)), (issue("web", 10, "web", "app"),))
    assert [one.id for one in found] == [issue("web", 10).id]


def test_what_only_one_of_us_sees_goes_on() -> None:
    own, theirs = issue("search", 20), issue("web", 10)
    over = issue("web", 5, state="resolved")
    assert inherited((over, own), (theirs,)) == (over, theirs, own)
    assert inherited((), (theirs,)) == (theirs,)
    assert inherited((own,), ()) == (own,)
