from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

if TYPE_CHECKING:
    from uuid import UUID

SQL = Path(__file__).resolve().parent / "sql"
PLAIN_PROFILES = ("0004_plain_profiles.sql", "0017_investor_profiles.sql")


class TradingConfig(AppConfig):
    name = "trading"
    verbose_name = "Accounts, orders and the ledger"
    staff_deeds = "trading.services.staff_deeds"  # found there by trading.services.staff_acts

    def ready(self) -> None:
        """Keep the plain simulation profiles after each migrate and flush, and hear what happens to people."""
        from accounts.privacy.keepers import register
        from accounts.signals import credentials_changed, staff_dismissed, tier_changed
        from trading.privacy.holdings import KEEPER

        credentials_changed.connect(tell_streams, dispatch_uid="trading.tell_streams")
        staff_dismissed.connect(end_their_grants, dispatch_uid="trading.end_their_grants")
        tier_changed.connect(fit_to_tier, dispatch_uid="trading.fit_to_tier")
        register(KEEPER)
        post_migrate.connect(keep_plain_profiles, sender=self, dispatch_uid="trading.plain_profiles")


def tell_streams(**_: Any) -> None:
    """Let the streams look again whether those still may listen who do."""
    from trading.doorbells import ring_credentials

    ring_credentials()


def fit_to_tier(user_id: UUID, tier: str, **_: Any) -> None:
    """Take part in a change of somebody's tier."""
    from trading.services.fitting import fit

    fit(user_id=user_id, tier=tier)


def end_their_grants(user_id: UUID, **_: Any) -> None:
    """Take part where somebody leaves the staff."""
    from trading.services.grants import end_grants_of

    end_grants_of(user_id=user_id)


def keep_plain_profiles(using: str, **_: Any) -> None:
    """Insert the plain profiles that are missing; repeating it changes nothing."""
    with connections[using].cursor() as cursor:
        cursor.execute("select to_regclass('trading_simulationprofile') is not null")
        if cursor.fetchone() == (True,):  # else migrated to before they were there
            for name in PLAIN_PROFILES:
                cursor.execute((SQL / name).read_text())
