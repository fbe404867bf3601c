"""Files of endpoints that an Envoy can start from while we are away."""

import contextlib
import json
import os
from pathlib import Path

from healing.traffic.envoy import discovery_response
from knowledge.traffic import Weight


def write_last_good(folder: Path, pool: str, weights: tuple[Weight, ...]) -> bool:
    """Write `folder/POOL.json` where it says something else; return whether it did.

    Renamed into place, as Envoy's watch wants it: a reader sees the old or the new one, whole.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{pool}.json"
    text = json.dumps(discovery_response({pool: weights}, is_judging=False), indent=1)
    with contextlib.suppress(FileNotFoundError):
        if target.read_text() == text:
            return False
    draft = folder / f".{pool}.json.new"
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o644)  # Envoy runs as another user; there is no secret in it
    draft.replace(target)
    return True
