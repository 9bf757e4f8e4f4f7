"""pinnrun beside its peers: DeepXDE, PINA and neurodiffeq, as PyPI has them, on one thread of one machine.

Each peer runs in an environment of its own, by a program of its own (``programs/``) that knows nothing of pinnrun.
"""
