"""The project as an app: the home of its commands and of what follows a migrate."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RaxxConfig(AppConfig):
    """Wiring only: no models."""

    name = "raxx"

    def ready(self) -> None:
        """Grant the tables of other people's apps after each migrate."""
        from raxx.grants import grant_after_migrate

        post_migrate.connect(grant_after_migrate, dispatch_uid="raxx.grants")
