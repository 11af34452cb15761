"""Shadow mode: an account's paper orders go to the operator's own paper account at a broker too, to be compared.

One way only: it reads the account's events after they were committed, and nothing here is read by anybody who
accepts, fills or cancels. Source: broker_handoff/decisions/0005-shadow-mode.md.
"""
