from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.db.backends.signals import connection_created

if TYPE_CHECKING:
    from uuid import UUID


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and access"

    def ready(self) -> None:
        from accounts.binding import install_guard
        from accounts.privacy import own
        from accounts.privacy.keepers import register

        connection_created.connect(install_guard, dispatch_uid="accounts.binding")
        register(own.keeper(erase_some))


def erase_some(user_id: UUID) -> bool:
    """Delete some of what this app keeps of a person; say whether there is more."""
    from accounts.services.erasures import erase_some_here

    return erase_some_here(user_id)
