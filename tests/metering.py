"""What this process has counted so far, by the names that Prometheus sees."""

from __future__ import annotations

from prometheus_client import REGISTRY


def counted(name: str, **labels: str) -> float:
    """Return a sample of the process's own registry; 0 for what has not happened yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
