"""THE SCORE BOARD OF CONTROLLERS: what is run, running it, judging it, telling it.

Plan, plants, seeds, metrics and prices are committed and hashed before the first run. Nothing here tunes a controller,
and nothing here looks at a result before all of its pair is there. Truth is opened after the end of a run only.
"""
