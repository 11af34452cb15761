"""The one channel of a page of ours: the account's events, prices of what the page shows, and the market's time."""
