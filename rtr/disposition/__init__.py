"""What the lot is worth: attributes, mass ledger, sensor checks, rules R1-R8. HOLD is the default of everything."""
