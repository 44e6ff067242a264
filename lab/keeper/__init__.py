"""The process that owns a run: it injects, records and judges, and everything else attaches to it."""
