"""Koopman training beside plain training of equal cost, at a common and at a tuned learning rate."""
