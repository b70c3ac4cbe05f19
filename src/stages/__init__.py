"""Floor 3. One file a DVC stage: read, call, write."""
