"""Floor 2. The sample catalogue: rendered products, so that everything runs before anything is downloaded."""
