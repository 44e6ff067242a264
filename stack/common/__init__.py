"""Small modules that every component of the stack shares; light to import."""
