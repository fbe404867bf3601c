"""A scenario file: one service's pods, its traffic, what goes wrong, and who scales it."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from homeostat.section import Section
from twin.scaling.pod_models import PodModel

UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
DURATION_S_MAX: Final = 31 * 86_400
RATE_MAX: Final = 100_000.0


class ScenarioError(Exception):
    """The scenario cannot be used; the text has one line per mistake."""


def _seconds(value: object) -> object:
    """Read 90, 90s, 1h30m or 2d as seconds."""
    if not isinstance(value, str):
        return value
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", value)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != value:
        raise ValueError("expected a time such as 90s, 5m, 1h30m or 2d")
    return sum(float(number) * UNITS_S[unit] for number, unit in parts)


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=DURATION_S_MAX)]
Long = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=DURATION_S_MAX)]
Rate = Annotated[float, Field(ge=0, le=RATE_MAX)]


class Service(Section):
    """What a pod does and what was promised; see `twin.scaling.pod_models.PodModel`."""

    service_ms_mean: float = Field(default=100.0, gt=0, le=60_000)
    workers: int = Field(default=1, ge=1, le=1000)
    startup: Seconds = 30.0
    patience: Long = 3.0
    replicas: int | None = Field(default=None, ge=0, le=1000)
    replicas_min: int = Field(default=2, ge=0, le=1000)
    replicas_max: int = Field(default=100, ge=1, le=1000)
    slo_ms: float = Field(default=750.0, gt=0)
    slo_ratio: float = Field(default=0.99, gt=0, lt=1)

    @model_validator(mode="after")
    def _ordered(self) -> "Service":
        if self.replicas_min > self.replicas_max:
            raise ValueError(
                f"replicas_min {self.replicas_min} is above replicas_max {self.replicas_max}"
            )
        return self

    @property
    def model(self) -> PodModel:
        """The pods, as the engines take them."""
        return PodModel(
            service_ms_mean=self.service_ms_mean,
            workers=self.workers,
            startup_s=round(self.startup),
            patience_s=self.patience,
            replicas_min=self.replicas_min,
            replicas_max=self.replicas_max,
            slo_ms=self.slo_ms,
            slo_ratio=self.slo_ratio,
        )


class LevelShape(Section):
    """The same rate all the time."""

    kind: Literal["level"]
    rate: Rate


class WaveShape(Section):
    """A cosine between two rates."""

    kind: Literal["wave"]
    low: Rate
    high: Rate
    period: Long = 86_400.0
    peak: Seconds = 43_200.0

    @model_validator(mode="after")
    def _ordered(self) -> "WaveShape":
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self


class RampShape(Section):
    """From one rate to another in a straight line."""

    kind: Literal["ramp"]
    begin: Seconds
    end: Seconds
    low: Rate
    high: Rate

    @model_validator(mode="after")
    def _ordered(self) -> "RampShape":
        if self.begin >= self.end:
            raise ValueError(f"begin {self.begin:g} s is not before end {self.end:g} s")
        return self


class StepsShape(Section):
    """Rates that hold from a time on."""

    kind: Literal["steps"]
    rates: dict[Annotated[float, BeforeValidator(_seconds)], Rate] = Field(min_length=1)


class SurgeShape(Section):
    """A flash crowd on top of all that is there."""

    kind: Literal["surge"]
    at: Seconds
    factor: float = Field(ge=0, le=1000)
    rise: Long = 30.0
    hold: Seconds = 300.0
    fade: Long = 60.0


ShapeSection = Annotated[
    LevelShape | WaveShape | RampShape | StepsShape | SurgeShape, Field(discriminator="kind")
]


class Traffic(Section):
    """A recording, or shapes over a duration."""

    trace: Path | None = None
    duration: Long | None = None
    shapes: tuple[ShapeSection, ...] = ()
    dispersion: float = Field(default=1.0, ge=1.0, le=1000.0)

    @model_validator(mode="after")
    def _one_of_both(self) -> "Traffic":
        if (self.trace is None) == (not self.shapes):
            raise ValueError("expected either trace (a Parquet file) or shapes")
        if self.shapes and self.duration is None:
            raise ValueError("shapes need a duration, such as 2h")
        return self


class PodsKilledFault(Section):
    """Pods that are gone at once."""

    kind: Literal["pods_killed"]
    at: Seconds
    count: int = Field(ge=1, le=1000)


class SlowStartsFault(Section):
    """Pods that are created meanwhile start slowly."""

    kind: Literal["slow_starts"]
    at: Seconds
    length: Long = Field(alias="for")
    startup: Seconds


class SlowWorkFault(Section):
    """Requests cost more meanwhile."""

    kind: Literal["slow_work"]
    at: Seconds
    length: Long = Field(alias="for")
    factor: float = Field(gt=0, le=1000)


class NoTelemetryFault(Section):
    """Telemetry of meanwhile never arrives."""

    kind: Literal["no_telemetry"]
    at: Seconds
    length: Long = Field(alias="for")


FaultSection = Annotated[
    PodsKilledFault | SlowStartsFault | SlowWorkFault | NoTelemetryFault,
    Field(discriminator="kind"),
]


class FixedPolicy(Section):
    """No autoscaler."""

    kind: Literal["fixed"]
    replicas: int = Field(ge=0, le=1000)


class HpaCpuPolicy(Section):
    """HorizontalPodAutoscaler on CPU utilisation."""

    kind: Literal["hpa-cpu"]
    percent: int = Field(default=70, ge=1, le=1000)


class HpaRpsPolicy(Section):
    """HorizontalPodAutoscaler on requests a second, in percent of what a pod can bear."""

    kind: Literal["hpa-rps"]
    percent: int = Field(default=70, ge=1, le=1000)


class KedaPolicy(Section):
    """A ScaledObject on requests a second."""

    kind: Literal["keda"]
    threshold: float = Field(gt=0)
    activation: float = Field(default=0.0, ge=0)
    polling: Long = 30.0
    cooldown: Seconds = 300.0


class PidPolicy(Section):
    """Homeostat's PID autoscaler on CPU utilisation."""

    kind: Literal["pid"]
    percent: int = Field(default=70, ge=1, le=1000)


class SloPolicy(Section):
    """Homeostat's SLO autoscaler."""

    kind: Literal["slo"]
    margin: float = Field(default=1.0, gt=0, le=10)


PolicySection = Annotated[
    FixedPolicy | HpaCpuPolicy | HpaRpsPolicy | KedaPolicy | PidPolicy | SloPolicy,
    Field(discriminator="kind"),
]


class Scenario(Section):
    """The whole file. Policies by the names that the report gives them."""

    name: str | None = None
    seed: int = Field(default=1, ge=0)
    engine: Literal["fluid", "event"] = "fluid"
    service: Service = Service()
    traffic: Traffic
    faults: tuple[FaultSection, ...] = ()
    policies: dict[str, PolicySection] = Field(min_length=1)


def load_scenario(path: Path) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioError: it cannot be used; each line names key, value and what was expected.
    """
    try:
        tree = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ScenarioError(f"expected traffic and policies, got {type(tree).__name__}")
    try:
        return Scenario.model_validate(tree)
    except ValidationError as error:
        raise ScenarioError("\n".join(map(_explained, error.errors()))) from error


def _explained(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{key}: there is no such key"
    if item["type"] == "missing":
        return f"{key}: is needed"
    expected = item["msg"].removeprefix("Value error, ")
    expected = expected[0].lower() + expected[1:]
    got = "" if isinstance(item["input"], dict) else f"got {item['input']!r}: "
    return f"{key}: {got}{expected}"
