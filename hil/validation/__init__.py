"""VALIDATION: what the simulated plant does against published figures and real batches, one group of figures a file.

Every figure says whether it was used to choose parameters (fitted), repeats the model's own arithmetic (verified) or was
never used (predicted). A figure that does not hold says why; nothing here is tuned to make one hold.
"""
