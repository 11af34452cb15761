"""The trade-updates stream: one event log, told to every socket that listens to its account."""
