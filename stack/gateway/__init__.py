"""The gateway: spreads scoring requests over the ready replicas of the model server, within a deadline."""
