"""THE PLANT'S OPC UA SERVER: address space, users, gate. Carries values; knows no physics and no truth."""
