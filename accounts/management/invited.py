"""How a command shows an invitation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand

    from accounts.services.invitations import Invitation


def show_invitation(command: BaseCommand, invitation: Invitation, *, as_json: bool) -> None:
    """Print the person and the link, a line each or as one JSON object."""
    shown = {"user_id": str(invitation.user_id), "email": invitation.email, "url": invitation.url}
    if as_json:
        command.stdout.write(json.dumps({**shown, "is_new": invitation.is_new}))
        return
    for name, text in shown.items():
        command.stdout.write(f"{name:15}{text or 'none: they have a passkey'}")
