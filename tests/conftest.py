"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seeds", type=int, default=2, help="how many seeds of the demo are run (make seeds: 20)"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames and metafunc.module.__name__.endswith("test_demo"):
        metafunc.parametrize("seed", range(1, metafunc.config.getoption("seeds") + 1))
