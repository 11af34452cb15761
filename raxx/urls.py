"""Which app answers which path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.urls import path, re_path

from accounts.api.urls import urlpatterns as access
from accounts.dashboard.urls import urlpatterns as pages
from accounts.web.urls import urlpatterns as ways_in
from broker_handoff.api.urls import urlpatterns as live
from broker_handoff.dashboard.urls import urlpatterns as live_pages
from raxx import docs, errors, health
from trading.api.urls import urlpatterns as api
from trading.dashboard.urls import urlpatterns as paper

if TYPE_CHECKING:
    from django.urls import URLPattern, URLResolver

admin.autodiscover()  # here, where its pages are reached, and not in every process: see raxx.admin_app

urlpatterns: list[URLPattern | URLResolver] = [
    *api,
    *access,
    *ways_in,
    *pages,
    *paper,
    *live,
    *live_pages,
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("openapi.json", docs.document),
    path("docs", docs.page),
    path("admin/", admin.site.urls),
    # Last: Django's own words for a path that nothing serves would not be JSON.
    re_path(r"", errors.endpoint_not_found),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.endpoint_not_found
handler500 = errors.server_error
