"""Programs that use the device for a while and end: other teams' work on shared hardware."""
