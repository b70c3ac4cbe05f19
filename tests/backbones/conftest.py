import src.backbones  # noqa: F401  declares torchvision's operators before a test here imports timm
