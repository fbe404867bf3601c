"""The emergency stop: a file. While it is there nothing is written to the cluster, undo included.

It needs no running service, no network and no token: `touch` is enough, and in Kubernetes a key of
a mounted ConfigMap. It is looked at with each tick and at the moment of each write.
"""

from pathlib import Path
from typing import Final

SHOWN_CHARS: Final = 200


class EmergencyStop:
    """Looks whether somebody pulled it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def reason(self) -> str | None:
        """Return why nothing may be written, or None.

        What cannot be read counts as pulled: who knows what it would have said.
        """
        try:
            with self.path.open(errors="replace") as file:
                said = file.readline(SHOWN_CHARS).strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"{self.path} cannot be read: {error.strerror}"
        return f"{self.path}: {said}" if said else f"{self.path} is there"
