"""The screens: they receive data, post messages, and leave deciding to the app."""
