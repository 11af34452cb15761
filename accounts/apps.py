from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and access"

    def ready(self) -> None:
        from accounts.binding import install_guard

        connection_created.connect(install_guard, dispatch_uid="accounts.binding")
