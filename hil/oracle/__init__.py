"""Controllers that read the simulated plant's truth: nobody could buy them, others are measured by what they reach.

`causal` knows model and state as they are, and no future. `clairvoyant` knows the whole shift. Only here may a controller
know more than the line tells it; nothing outside hil imports this package.
"""
