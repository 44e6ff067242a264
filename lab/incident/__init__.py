"""What happens in a run: phases, events, objectives, safeguards and the evidence bundle, all of it pure."""
