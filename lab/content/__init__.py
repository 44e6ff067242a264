"""What is taught and broken: typed scenarios, root causes and releases, with errors that name path and line."""
