"""KEDA: from none to one and back by its own polls, above by the HPA that it made."""

from dataclasses import dataclass, field

import pytest

from healing.control.hpa import Hpa, HpaInput, HpaSettings, HpaState
from healing.control.hpa_metrics import OutsideAverage, Reading
from healing.control.keda import Keda, KedaSettings, KedaState

S = 1_000_000_000


@dataclass
class Story:
    """A ScaledObject that is asked each 5 s; whole replicas follow at once."""

    settings: KedaSettings
    replicas: int = 0
    now_s: int = 0
    state: KedaState = field(default_factory=KedaState)
    reasons: list[str] = field(default_factory=list)

    def play(self, metric: float | None, for_s: int) -> list[int]:
        keda, seen = Keda(self.settings), []
        for _ in range(0, for_s, 5):
            self.state, decision = keda.step(
                self.state, metric, self.replicas, now_unix_ns=self.now_s * S
            )
            self.replicas = decision.replicas
            self.reasons.append(decision.reason)
            seen.append(self.replicas)
            self.now_s += 5
        return seen


def test_it_wakes_at_a_poll_and_not_between() -> None:
    story = Story(KedaSettings(threshold=10))
    assert story.play(0.0, 5) == [0]
    assert story.play(25.0, 25) == [0] * 5  # polls come each 30 s
    assert story.play(25.0, 5) == [1]


def test_awake_it_is_the_hpa() -> None:
    story, hpa, state = Story(KedaSettings(threshold=10)), Hpa(HpaSettings(replicas_max=100)), None
    story.play(55.0, 5)
    expected = 1
    target = OutsideAverage(value_milli=10_000)
    state = HpaState()
    for metric in (55.0, 55.0, 80.0, 80.0, 12.0, 12.0) * 12:
        now_unix_ns = story.now_s * S
        found = story.play(metric, 15)
        seen = HpaInput(
            replicas=expected,
            status_replicas=expected,
            pods=(),
            readings=[Reading(target=target, outside_milli=round(metric * 1000))],
        )
        state, decision = hpa.step(state, seen, now_unix_ns=now_unix_ns)
        expected = decision.replicas
        assert found == [expected] * 3


def test_it_sleeps_a_cooldown_after_the_metric_was_last_active_whatever_the_policies() -> None:
    story = Story(KedaSettings(threshold=10, cooldown_s=300))
    story.play(95.0, 60)
    assert story.replicas == 10
    still = story.play(0.0, 300)
    assert min(still) >= 1
    assert story.play(0.0, 60)[-1] == 0  # in one step, past the HPA's own stabilisation
    assert "nothing was active for 300 s" in story.reasons


def test_a_floor_of_one_keeps_it_awake_and_an_idle_count_does_not() -> None:
    awake = Story(KedaSettings(threshold=10, replicas_min=1), replicas=1)
    assert set(awake.play(0.0, 900)) == {1}
    idle = Story(KedaSettings(threshold=10, replicas_min=4, idle_replicas=1), replicas=4)
    assert idle.play(0.0, 900)[-1] == 1
    assert idle.play(5.0, 60)[-1] == 4


def test_what_is_not_above_the_activation_is_asleep() -> None:
    story = Story(KedaSettings(threshold=10, activation=20))
    assert set(story.play(20.0, 300)) == {0}
    assert story.play(21.0, 60)[-1] > 0


@pytest.mark.parametrize("replicas", [0, 5])
def test_a_metric_that_cannot_be_read_changes_nothing(replicas: int) -> None:
    story = Story(KedaSettings(threshold=10), replicas=replicas)
    assert set(story.play(None, 900)) == {replicas}


def test_settings_that_contradict_are_refused() -> None:
    with pytest.raises(ValueError, match="threshold 0"):
        KedaSettings(threshold=0)
    with pytest.raises(ValueError, match="idle_replicas 3"):
        KedaSettings(threshold=1, replicas_min=2, idle_replicas=3)
