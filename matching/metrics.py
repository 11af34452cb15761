"""What the hub counts, for Prometheus."""

from prometheus_client import Counter

ITEMS = Counter("raxx_hub_items", "Quotes and prints that the hub has published.", ["market"])
