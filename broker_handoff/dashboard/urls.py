"""The pages on the way to a live broker. None ends in a slash."""

from __future__ import annotations

from django.urls import path

from broker_handoff.adapters import CALLBACK
from broker_handoff.dashboard.connecting import Callback, Connected
from broker_handoff.dashboard.live import Live

urlpatterns = [
    path("live", Live.as_view(), name="live"),
    path(CALLBACK.removeprefix("/"), Callback.as_view(), name="live-callback"),
    path("live/connected", Connected.as_view(), name="live-connected"),
]
