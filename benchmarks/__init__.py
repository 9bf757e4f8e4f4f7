"""Side-by-side runs against published records; run from the root of the repository, ``python -m benchmarks.NAME``."""
