from backbones.hub_server import hub  # noqa: F401  a fixture for every folder
