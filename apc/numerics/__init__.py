"""Numbers without process: Gaussian updates, knots, quadratic programs, fast evaluation."""
