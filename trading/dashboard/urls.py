"""The pages of paper trading. None ends in a slash."""

from __future__ import annotations

from django.urls import path

from trading.dashboard.account import AccountPage
from trading.dashboard.accounts import Accounts
from trading.dashboard.history import Activities, Orders, Trades
from trading.dashboard.landing import Landing
from trading.dashboard.market import MarketPage
from trading.dashboard.order import OrderPage
from trading.dashboard.page import Paper
from trading.dashboard.performance import Performance
from trading.dashboard.settings import Settings, Tier, Webhooks
from trading.dashboard.simulation import Simulation
from trading.dashboard.start import Start
from trading.dashboard.statement import Statement
from trading.dashboard.symbol import SymbolPage, Symbols

_ACCOUNT = "paper/<slug:number>"

urlpatterns = [
    path("", Landing.as_view(), name="landing"),
    path("start", Start.as_view(), name="start"),
    path("paper", Paper.as_view(), name="paper"),
    path(_ACCOUNT, AccountPage.as_view(), name="paper-account"),
    path(f"{_ACCOUNT}/symbols", Symbols.as_view(), name="paper-symbols"),
    path(f"{_ACCOUNT}/symbols/<str:symbol>", SymbolPage.as_view(), name="paper-symbol"),
    path(f"{_ACCOUNT}/orders", Orders.as_view(), name="paper-orders"),
    path(f"{_ACCOUNT}/orders/<uuid:order_id>", OrderPage.as_view(), name="paper-order"),
    path(f"{_ACCOUNT}/activities", Activities.as_view(), name="paper-activities"),
    path(f"{_ACCOUNT}/trades", Trades.as_view(), name="paper-trades"),
    path(f"{_ACCOUNT}/statements/<str:month>", Statement.as_view(), name="paper-statement"),
    path(f"{_ACCOUNT}/performance", Performance.as_view(), name="paper-performance"),
    path(f"{_ACCOUNT}/simulation", Simulation.as_view(), name="paper-simulation"),
    path(f"{_ACCOUNT}/market", MarketPage.as_view(), name="paper-market"),
    path("accounts", Accounts.as_view(), name="paper-accounts"),
    path("settings", Settings.as_view(), name="settings"),
    path("settings/webhooks", Webhooks.as_view(), name="settings-webhooks"),
    path("settings/tier", Tier.as_view(), name="settings-tier"),
]
