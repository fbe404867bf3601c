"""Options of the whole suite, and what a failing test shows."""

from collections.abc import Generator

import hypothesis
import pytest

from tests.parts.process import running

# how fast the machine is, is not what properties are about
hypothesis.settings.register_profile("homeostat", deadline=None)
hypothesis.settings.load_profile("homeostat")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seeds", type=int, default=1, help="how many seeds of the demo are run (make seeds: 20)"
    )
    parser.addoption(
        "--crashes", type=int, default=100, help="how many deaths are played (make crashes: 10000)"
    )
    parser.addoption(
        "--kills", type=int, default=4, help="how often processes are killed (make kills: 200)"
    )
    parser.addoption(
        "--spans",
        type=int,
        default=100_000,
        help="spans through the Collector (make million: 1,000,000)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames and metafunc.module.__name__.endswith("test_demo"):
        metafunc.parametrize("seed", range(1, metafunc.config.getoption("seeds") + 1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 - pytest calls hooks by these names
    call: pytest.CallInfo[None],  # noqa: ARG001
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the end of each running part's log beside a failure."""
    report = yield
    if report.failed:
        report.sections += [(f"{part.name} pid {part.pid}", part.tail()) for part in running()]
    return report
