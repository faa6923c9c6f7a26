"""THE FRONT DOOR: the command line, one module a command group. Nothing imports it."""
