"""The pages on the way to a live broker. None ends in a slash."""

from __future__ import annotations

from django.urls import path

from broker_handoff.adapters import CALLBACK
from broker_handoff.dashboard.connecting import Callback, Connected
from broker_handoff.dashboard.live import Live, LiveOrder, LiveOrders

urlpatterns = [
    path("live", Live.as_view(), name="live"),
    path("live/orders", LiveOrders.as_view(), name="live-orders"),
    path("live/orders/<uuid:intent_id>", LiveOrder.as_view(), name="live-order"),
    path(CALLBACK.removeprefix("/"), Callback.as_view(), name="live-callback"),
    path("live/connected", Connected.as_view(), name="live-connected"),
]
