from __future__ import annotations

from django.apps import AppConfig


class BrokerHandoffConfig(AppConfig):
    name = "broker_handoff"
    verbose_name = "The way to a live broker"
