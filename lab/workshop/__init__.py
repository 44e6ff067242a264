"""Many people at once: the facilitator's server, the participants' client and the board."""
