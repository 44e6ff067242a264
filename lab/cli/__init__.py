"""The commands: one module per group, with text and --json from the same results."""
