"""Widgets: they receive data and post messages; screens decide."""
