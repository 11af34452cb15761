"""The paths of the way to a live broker. None ends in a slash."""

from __future__ import annotations

from django.urls import path

from broker_handoff.api import connection, differences, gate, guards, orders

urlpatterns = [
    path("raxx/v1/live/connect", connection.Connect.as_view()),
    path("raxx/v1/live/connection", connection.Connection.as_view()),
    path("raxx/v1/live/orders", orders.Orders.as_view()),
    path("raxx/v1/live/orders/<uuid:intent_id>", orders.OneOrder.as_view()),
    path("raxx/v1/live/differences", differences.Differences.as_view()),
    path("raxx/v1/live/limits", guards.LimitsView.as_view()),
    path("raxx/v1/live/kill-switch", guards.KillSwitch.as_view()),
    path("raxx/v1/live/gate", gate.GateView.as_view()),
    path("raxx/v1/live/gate/accounts/<uuid:account_id>", gate.AccountOfGate.as_view()),
    path("raxx/v1/live/gate/verdicts", gate.Verdicts.as_view()),
]
