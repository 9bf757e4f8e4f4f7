"""A run: steps 3 to 9 of the scale-up algorithm, what is recorded of them, and what becomes of it when disturbed."""
