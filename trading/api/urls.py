"""The API's paths. None ends in a slash, and none redirects. The hottest stands first."""

from __future__ import annotations

from django.urls import path

from trading.api import account, assets, clock, orders, tape

urlpatterns = [
    path("v2/orders", orders.Orders.as_view()),
    path("v2/orders/<uuid:order_id>", orders.OneOrder.as_view()),
    path("v2/orders:by_client_order_id", orders.OrderByClientId.as_view()),
    path("v2/orders/<str:name>", orders.MisnamedOrder.as_view()),
    path("v2/account", account.Account.as_view()),
    path("v2/positions", account.Positions.as_view()),
    path("v2/positions/<path:name>", account.OnePosition.as_view()),
    path("v2/assets", assets.Assets.as_view()),
    path("v2/assets/<path:name>", assets.OneAsset.as_view()),
    path("v2/clock", clock.Clock.as_view()),
    path("v2/calendar", clock.Calendar.as_view()),
    path("raxx/v1/market/tape", tape.Tape.as_view()),
    path("raxx/v1/market/tape/play", tape.Play.as_view()),
    path("raxx/v1/market/tape/pause", tape.Pause.as_view()),
    path("raxx/v1/market/tape/advance", tape.Advance.as_view()),
    path("raxx/v1/market/tape/restart", tape.Restart.as_view()),
    path("raxx/v1/market/tape/speed", tape.Speed.as_view()),
]
