from __future__ import annotations

from django.apps import AppConfig


class BrokerHandoffConfig(AppConfig):
    name = "broker_handoff"
    verbose_name = "The way to a live broker"
    staff_deeds = "broker_handoff.staff_deeds"  # found there by trading.services.staff_acts

    def ready(self) -> None:
        """Say what is kept here of people, and listen for those who leave."""
        from accounts.privacy.keepers import register
        from broker_handoff import receivers  # noqa: F401 - they register themselves
        from broker_handoff.privacy import KEEPER

        register(KEEPER)
