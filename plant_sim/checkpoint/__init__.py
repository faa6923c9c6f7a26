"""CHECKPOINTS of the simulated plant: a killed plant goes on, bit for bit, where its last answer was.

Each second's set-points are on disk before the second is answered; the whole state follows every minute, and seconds since
are played again. Knows files; knows no socket and no clock.
"""
