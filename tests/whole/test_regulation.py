"""An autoscaler from OTLP bytes to the write, briefly; `make stories` plays the long ones."""

from dataclasses import replace
from pathlib import Path

from healing.autoscalers import AutoscalerSettings
from homeostat.replay import replay
from tests.stories.in_process import BACK, SYSTEM, House

SLO = AutoscalerSettings(policy="slo", min=2, max=8, latency_ms_max=300.0, startup_s=10.0)


def test_more_load_is_met_with_more_pods_and_an_hpa_is_never_fought(tmp_path: Path) -> None:
    steered = replace(BACK, name="other", steered_by="HorizontalPodAutoscaler shop/other")
    system = replace(SYSTEM, services=(*SYSTEM.services, steered))
    house = House(
        tmp_path / "journal.db",
        system,
        autoscalers={"shop/back": SLO, "shop/other": replace(SLO, min=4), "shop/nobody": SLO},
        quarantine_s=0.0,
    )
    try:
        house.run(20)
        house.world.load(2.5)
        house.run(25)
        assert house.control.outputs is not None
        back, nobody, other = house.control.outputs.regulated
        assert house.workload("back").replicas == back.target
        assert {profile for _, _, profile in house.steps("back")} == {"regulation"}
        assert nobody.reason == "no such workload in the cluster"
        assert other.target == 4  # its min
        assert "HorizontalPodAutoscaler shop/other" in other.held_by
        assert house.steps("other") == []
        found = replay(house.path)
        assert (found.difference, found.tick_count) == (None, 9)
    finally:
        house.end()
