"""What the operator on the weights can and cannot replace: forecast weights, evaluated, beside training itself."""
