"""Rows in, sentences out: why an order filled as it did, and what it waits for.

Everything here is pure: the same rows, quote, print and market time always say the same.
"""
