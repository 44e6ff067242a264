"""The verbs of an operator, defined once for the console, the commands, reference fixes and wrong fixes."""
