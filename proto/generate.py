# ruff: noqa: INP001 - a script beside its sources; `proto` is no package
"""Write receiver/projection from the .proto files beside this one: `python proto/generate.py`.

The generated modules are committed, so that installing needs no compiler; a test holds them to what
this script writes.
"""

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

SOURCES = Path(__file__).resolve().parent
REPOSITORY = SOURCES.parent


def generate(into: Path) -> None:
    """Write the Python modules and their stubs below `into`, a directory that exists.

    Raises:
        RuntimeError: the compiler refused a file; it said why on stderr.
    """
    protos = sorted(str(path) for path in SOURCES.rglob("*.proto"))
    include = files("grpc_tools") / "_proto"
    arguments = [f"-I{SOURCES}", f"-I{include}", f"--python_out={into}", f"--pyi_out={into}"]
    if protoc.main(["protoc", *arguments, *protos]) != 0:
        raise RuntimeError("protoc refused the projection")


if __name__ == "__main__":
    generate(REPOSITORY)
    sys.stdout.write(f"wrote {REPOSITORY / 'receiver' / 'projection'}\n")
