"""The margin bandit and the Q-agent: what they learn, and what they must never do."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from healing.control.margin_bandit import BanditSettings, BanditState, MarginBandit
from healing.control.q_agent import QAgent, QInput, QSettings, QState, Situation, Worth


def played(costs: list[list[float]], seed: int) -> list[int]:
    """The arms that were used, where the arms cost so much in each phase of 200 epochs."""
    bandit, state, rng, used = MarginBandit(BanditSettings()), BanditState(), Random(seed), []
    cost: float | None = None
    for phase in costs:
        for _ in range(200):
            state, _ = bandit.step(state, cost, now_unix_ns=0, rng=rng)
            assert state.arm is not None
            used.append(state.arm)
            cost = phase[state.arm] * rng.lognormvariate(0.0, 0.1)
    return used


def test_the_bandit_finds_the_cheapest_margin() -> None:
    used = played([[2.0, 1.5, 1.3, 1.0, 1.4]], seed=1)
    assert used[100:].count(3) > 60


def test_the_bandit_finds_it_anew_after_a_drift() -> None:
    used = played([[2.0, 1.5, 1.3, 1.0, 1.4], [1.0, 1.6, 2.0, 2.4, 2.8]], seed=2)
    assert used[-50:].count(0) > 30


def test_without_experience_the_bandit_keeps_to_the_margins_held_for_cheap() -> None:
    first = [played([[1.0] * 5], seed)[0] for seed in range(200)]
    cheap = [arm for arm, cost in enumerate(BanditSettings().prior) if cost < 0.05]
    assert sum(first.count(arm) for arm in cheap) > 150
    assert first.count(0) < 20


def test_rare_dear_epochs_speak_against_a_margin() -> None:
    """The lowest margin costs a tenth less, but each twelfth epoch is five times as dear."""
    bandit, state, rng, used = MarginBandit(BanditSettings()), BanditState(), Random(4), []
    cost: float | None = None
    for _ in range(600):
        state, _ = bandit.step(state, cost, now_unix_ns=0, rng=rng)
        assert state.arm is not None
        used.append(state.arm)
        is_dear = state.arm == 0 and rng.random() < 1 / 12
        cost = 5.0 if is_dear else 0.9 if state.arm == 0 else 1.0
    assert used[-200:].count(0) < 40


def test_an_epoch_that_does_not_count_teaches_nothing() -> None:
    bandit, rng = MarginBandit(BanditSettings()), Random(3)
    state, _ = bandit.step(BanditState(), None, now_unix_ns=0, rng=rng)
    after, _ = bandit.step(state, None, now_unix_ns=0, rng=rng)
    assert (after.counts, after.sums) == (state.counts, state.sums)


@given(seed=st.integers(0, 10_000), allowed=st.frozensets(st.integers(0, 3), min_size=1))
def test_a_masked_action_is_never_taken(seed: int, allowed: frozenset[int]) -> None:
    agent, state, rng = QAgent(QSettings(mode="active", exploration=0.5)), QState(), Random(seed)
    for _ in range(100):
        situation = (rng.randrange(2),)
        seen = QInput(situation=situation, allowed=allowed, reward=rng.random())
        state, decision = agent.step(state, seen, now_unix_ns=0, rng=rng, is_learning=True)
        assert decision.action in allowed


def _table(squares: float) -> dict[tuple[Situation, int], Worth]:
    """Each action is worth its number."""
    return {((0,), n): Worth(value=float(n), visits=100, squares=squares) for n in range(4)}


def test_in_shadow_the_fallback_acts_and_the_wish_is_told() -> None:
    situation = (0,)
    table = _table(1.0)
    agent = QAgent(QSettings())
    _, decision = agent.step(
        QState(table=table),
        QInput(situation=situation, allowed=frozenset(range(4))),
        now_unix_ns=0,
    )
    assert (decision.action, decision.proposed) == (QSettings().fallback, 3)
    assert "shadow" in decision.reason


def test_a_state_that_was_seldom_seen_gets_the_fallback() -> None:
    agent = QAgent(QSettings(mode="active"))
    seen = QInput(situation=(9,), allowed=frozenset(range(4)))
    _, decision = agent.step(QState(), seen, now_unix_ns=0)
    assert decision.action == QSettings().fallback


def test_an_advantage_that_may_be_chance_is_left_to_the_fallback() -> None:
    agent = QAgent(QSettings(mode="active"))
    seen = QInput(situation=(0,), allowed=frozenset(range(4)))
    for squares, action in ((100.0, 3), (1e6, QSettings().fallback)):
        _, decision = agent.step(QState(table=_table(squares)), seen, now_unix_ns=0)
        assert decision.action == action


def test_the_agent_learns_which_action_pays() -> None:
    agent, state, rng = QAgent(QSettings(mode="active", discount=0.0)), QState(), Random(5)
    reward: float | None = None
    for _ in range(3000):
        seen = QInput(situation=(0,), allowed=frozenset(range(4)), reward=reward)
        state, decision = agent.step(state, seen, now_unix_ns=0, rng=rng, is_learning=True)
        reward = -abs(decision.action - 2) + rng.gauss(0.0, 0.1)
    _, decision = agent.step(
        state, QInput(situation=(0,), allowed=frozenset(range(4))), now_unix_ns=0
    )
    assert decision.action == 2
