"""Which app answers which path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path

from raxx import health

if TYPE_CHECKING:
    from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", health.live),
    path("health/ready", health.ready),
]
