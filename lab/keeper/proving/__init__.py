"""Proving scenarios: every play of a proof on a throw-away lab, against what the proof says it must come to."""
