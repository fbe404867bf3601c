"""The emergency stop: a file. While it is there nothing is written to the cluster, undo included.

It needs no running service, no network and no token: `touch` is enough, and in Kubernetes a key of
a mounted ConfigMap. It is looked at with each tick and at the moment of each write.
"""

from pathlib import Path
from typing import Final, Self

from homeostat.settings import Settings

SHOWN_CHARS: Final = 200


class EmergencyStop:
    """Looks whether somebody pulled it."""

    def __init__(self, path: Path, *, is_named: bool = False) -> None:
        """`is_named`: a person chose the path, so its folder must be there."""
        self.path = path
        self._is_named = is_named

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The one that the settings name."""
        return cls(settings.stop_file, is_named=settings.healing.stop_file is not None)

    def reason(self) -> str | None:
        """Return why nothing may be written, or None.

        What cannot be read counts as pulled: who knows what it would have said.
        """
        try:
            with self.path.open(errors="replace") as file:
                said = file.readline(SHOWN_CHARS).strip()
        except FileNotFoundError:
            if not self._is_named or self.path.parent.is_dir():
                return None
            return f"{self.path.parent} is not there, so nobody could pull the stop in it"
        except OSError as error:
            return f"{self.path} cannot be read: {error.strerror}"
        return f"{self.path}: {said}" if said else f"{self.path} is there"
