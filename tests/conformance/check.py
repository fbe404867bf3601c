"""What a check of the suite is: a name, what OTLP asks for, and a function that tries it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Transport = Literal["grpc", "http"]
TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One requirement, put to the test at `host:port`."""

    name: str
    transport: Transport
    requirement: str
    """In our words, with the section of docs/specification.md (OTLP 1.11) that asks for it."""

    run: Callable[[str], None]
    """Raises AssertionError with what was seen instead."""

    is_large: bool = False
    """Whether it sends tens of MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A check that did not pass, and what was seen."""

    check: Check
    seen: str


class Suite:
    """The checks of one transport, in their order."""

    def __init__(self, transport: Transport) -> None:
        self.transport: Final = transport
        self.checks: list[Check] = []

    def add(
        self, name: str, requirement: str, run: Callable[[str], None], *, is_large: bool = False
    ) -> None:
        """Add a check; its name is that of the transport and its own."""
        full = f"{self.transport}/{name}"
        if any(check.name == full for check in self.checks):
            raise ValueError(f"two checks are called {full}")
        self.checks.append(
            Check(
                name=full,
                transport=self.transport,
                requirement=requirement,
                run=run,
                is_large=is_large,
            )
        )

    def check(
        self, name: str, requirement: str, *, is_large: bool = False
    ) -> Callable[[Callable[[str], None]], Callable[[str], None]]:
        """Add the decorated function as a check."""

        def add(run: Callable[[str], None]) -> Callable[[str], None]:
            self.add(name, requirement, run, is_large=is_large)
            return run

        return add

    def run(self, endpoint: str, *, large: bool = True) -> list[Failure]:
        """Run the checks, also the large ones if wanted, and return those that failed."""
        failures = []
        for check in self.checks:
            if check.is_large and not large:
                continue
            try:
                check.run(endpoint)
            except Exception as error:  # noqa: BLE001 - a server that hangs up fails the check
                seen = " ".join(str(error).split())[:300] or type(error).__name__
                failures.append(Failure(check=check, seen=seen))
        return failures
