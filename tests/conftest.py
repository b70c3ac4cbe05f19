import pytest
from backbones.hub_server import hub  # noqa: F401  a fixture for every folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make test-models` asks for."""
    parser.addoption("--full-depth", action="store_true", help="test_golden.py: all blocks of each model")
