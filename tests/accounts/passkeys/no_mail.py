"""A mail server that is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from django.core.mail.backends.base import BaseEmailBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.mail import EmailMessage


class Backend(BaseEmailBackend):
    """Takes nothing."""

    def send_messages(self, _messages: Sequence[EmailMessage]) -> NoReturn:
        """Refuse the connection."""
        raise ConnectionRefusedError("nobody listens")
