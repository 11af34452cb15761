"""Signed messages about an account's orders to an address that its owner names, at least once each."""
