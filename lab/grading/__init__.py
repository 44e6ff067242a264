"""From what was recorded to scores, by pure functions that anyone can read."""
