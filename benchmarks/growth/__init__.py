"""How new neurons should start: every rule through the same growths, for the same CPU time."""
