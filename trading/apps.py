from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

PLAIN_PROFILES = Path(__file__).resolve().parent / "sql" / "0004_plain_profiles.sql"


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = "Accounts, orders and the ledger"

    def ready(self) -> None:
        """Keep the plain simulation profiles, which accounts and orders refer to, after each migrate and flush."""
        post_migrate.connect(keep_plain_profiles, sender=self, dispatch_uid="trading.plain_profiles")


def keep_plain_profiles(using: str, **_: Any) -> None:
    """Insert the plain profiles that are missing; repeating it changes nothing."""
    with connections[using].cursor() as cursor:
        cursor.execute("select to_regclass('trading_simulationprofile') is not null")
        if cursor.fetchone() == (True,):  # else migrated to before they were there
            cursor.execute(PLAIN_PROFILES.read_text())
