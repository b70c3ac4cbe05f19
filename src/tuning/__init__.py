"""Floor 2. Tuning: what is trained, what it learns from, the one loop that trains it, and how it goes on."""
