"""Growing against the best fixed size found in hindsight, against grid search, and against successive halving."""
