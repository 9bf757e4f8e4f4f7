"""The nonlinear Poisson-Boltzmann equation of a molecule in salt water, and its reference solvers."""
