"""Dialogs: each gets data, returns a value or None, and calls nothing."""
