"""THE SIMULATED PLANT: an independent truth with its PLC, sensors, faults and server.

Shares no equation with flowsheet, sensing, apc or rtr. Carries no truth on any tag.
"""
