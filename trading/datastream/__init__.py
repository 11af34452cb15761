"""The market data stream: what a market shows, told to every socket that subscribes to it."""
