"""Real flights of 2013 as the stack replays and trains on them."""
