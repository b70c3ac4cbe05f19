"""Floor 2. How the sample backbones are made: what they learn from, what they are asked, and the training."""
