"""The receiver's word to the brain: one frame of rows, and the brain's answer.

A frame's body is an Arrow IPC stream of rows in the schema of their signal. (epoch, sequence) names
a frame for ever: a receiver that is not sure whether its frame arrived sends the same one again,
and the brain keeps it once.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, cast

from knowledge.schemas import SIGNALS, Signal
from knowledge.sequences import Sequences


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHead:
    """What a frame is: `epoch` is drawn anew by each receiver process that starts."""

    epoch: str
    sequence: int
    signal: Signal
    rows: int

    def as_header(self) -> dict[str, Any]:
        """Return the header of the frame's message."""
        return asdict(self)

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Self:
        """Read a header back.

        Raises:
            ValueError: it is not the head of a frame.
        """
        try:
            signal = str(header["signal"])
            if signal not in SIGNALS:
                raise ValueError(f"signal must be one of {SIGNALS}, got {signal!r}")
            return cls(
                epoch=str(header["epoch"]),
                sequence=int(header["sequence"]),
                signal=signal,
                rows=int(header["rows"]),
            )
        except KeyError as error:
            raise ValueError(f"frame without {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameAnswer:
    """What became of a frame.

    `kept`: the rows are held (or were, when the frame came before). `full`: nothing was kept, try
    again later. `broken`: the frame itself is at fault, it will never be kept.
    """

    epoch: str
    sequence: int
    outcome: Literal["kept", "full", "broken"]
    reason: str = ""
    horizon_unix_ns: int = 0
    """Rows before this are needed no more: a log of them may be cut."""

    ceiling_unix_ns: int = 0
    """Times beyond this are not believed: rows of them are not held any longer for it."""

    def as_header(self) -> dict[str, Any]:
        """Return the header of the answer's message."""
        return asdict(self)

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Self:
        """Read a header back; both ends are ours, a missing key is a bug."""
        return cls(
            epoch=str(header["epoch"]),
            sequence=int(header["sequence"]),
            outcome=cast('Literal["kept", "full", "broken"]', header["outcome"]),
            reason=str(header["reason"]),
            horizon_unix_ns=int(header["horizon_unix_ns"]),
            ceiling_unix_ns=int(header["ceiling_unix_ns"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a brain says to a receiver that has a log: what it needs not be given again.

    `brain` is drawn anew by each brain that starts. `kept`: frames that it has, by receiver.
    `horizon_unix_ns` and `ceiling_unix_ns` are those of `FrameAnswer`.
    """

    brain: str
    kept: Mapping[str, Sequences]
    horizon_unix_ns: int
    ceiling_unix_ns: int

    def as_header(self) -> dict[str, Any]:
        """Return the header of the message."""
        kept = {epoch: known.as_ranges() for epoch, known in self.kept.items()}
        return {
            "brain": self.brain,
            "kept": kept,
            "horizon_unix_ns": self.horizon_unix_ns,
            "ceiling_unix_ns": self.ceiling_unix_ns,
        }

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Self:
        """Read a header back; both ends are ours, a missing key is a bug."""
        kept = {epoch: Sequences.from_ranges(ranges) for epoch, ranges in header["kept"].items()}
        return cls(
            brain=str(header["brain"]),
            kept=kept,
            horizon_unix_ns=int(header["horizon_unix_ns"]),
            ceiling_unix_ns=int(header["ceiling_unix_ns"]),
        )
