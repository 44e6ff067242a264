"""What bringing up a kind cluster takes: the tool, its nodes, the machine it runs on, and one lab at a time."""
