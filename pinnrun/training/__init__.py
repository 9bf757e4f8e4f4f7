"""One network in training: its points, its objective, a step at a time, and what is asked of it."""
