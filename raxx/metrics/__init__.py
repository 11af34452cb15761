"""Prometheus metrics: counted where things happen, asked for where they are; served at an address of their own.

`place` is where processes count, `requests` what web counts, trading.metrics what others count, `state` what is asked
for at each scrape, `serving` who answers. raxx/decisions/0002-metrics.md says why so.
"""
