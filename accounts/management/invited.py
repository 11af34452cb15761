"""How a command shows an invitation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.management.command import OperatorCommand
    from accounts.services.invitations import Invitation


def show_invitation(command: OperatorCommand, invitation: Invitation, *, as_json: bool, is_dry: bool) -> None:
    """Print the person and the link, a line each or as one JSON object."""
    shown = {"user_id": str(invitation.user_id), "email": invitation.email, "url": invitation.url}
    none = "none in a dry run" if is_dry else "none: they have a passkey"
    if is_dry and invitation.is_new:
        shown["user_id"] = ""  # of somebody who is not there
    lines = [f"{name:15}{text or none}" for name, text in shown.items()]
    command.tell({**shown, "is_new": invitation.is_new}, lines, as_json=as_json, is_dry=is_dry)
