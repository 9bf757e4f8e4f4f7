"""How good the forecasts of a training loss are: trainings of many kinds, and every forecaster held against them.

Run from the root of the repository: ``python -m benchmarks.forecast``.
"""
