import pytest
from backbones.hub_server import hub  # noqa: F401  a fixture for every folder

import src.backbones  # noqa: F401  declares torchvision's operators before a test imports timm


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make test-models` asks for."""
    parser.addoption("--full-depth", action="store_true", help="test_golden.py: all blocks of each model")
