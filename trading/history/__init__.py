"""What accounts were worth, from the ledger and the prices that their market has seen.

`spans` says which instants are asked for, `prices` what shares cost then, `worth` what accounts held.
"""
