"""What a person may do by their groups and own permissions; nobody is let in here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.backends import ModelBackend

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User


class PermissionsOnlyBackend(ModelBackend):
    """Django's own for permissions, without its way in: that one asks for a password."""

    def authenticate(self, _request: HttpRequest | None, **_: object) -> User | None:  # type: ignore[override]
        """Let nobody in."""
        return None
