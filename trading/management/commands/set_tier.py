"""`manage.py set_tier`: give a person another tier. There is no payment here."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.management.command import OperatorCommand
from accounts.models import Tier, User
from accounts.services.tiers import NOTICE, set_tier
from accounts.tiers import is_less
from trading.services.fitting import Losses, losses
from trading.wire import instant_or_none


class Command(OperatorCommand):
    help = (
        f"Give a person a tier. More holds at once. Less holds after {NOTICE.days} days, of which they are warned by "
        "mail; naming the tier that they have withdraws it. Then the newest accounts and webhooks beyond the "
        "allowance are limited, and history that is older than the tier keeps is purged."
    )
    when = "After somebody has paid, or has stopped."
    examples = (
        '--email ann@example.com --tier pro --reason "invoice 17" --dry-run',
        '--email ann@example.com --tier pro --reason "invoice 17"',
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose")
        parser.add_argument("--tier", required=True, choices=Tier.values, help="what they shall have")
        parser.add_argument("--reason", required=True, help="why: it is kept in the audit log")
        parser.add_argument("--now", action="store_true", help="let a downgrade hold at once")

    def handle(
        self, *, email: str, tier: str, reason: str, now: bool, json: bool, dry_run: bool, **_: Any
    ) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            message = f"nobody has the address {email}"
            raise CommandError(message)
        at = timezone.now()
        lost = losses(owner=user, tier=tier, at=at if now else at + NOTICE)
        done = set_tier(user_id=user.pk, tier=tier, reason=reason, now=at, is_at_once=now, is_trial=dry_run)
        pending = done.pending
        # A dry run says what they have, and what would come of it.
        shown = {
            "email": done.email,
            "tier": done.before if dry_run else done.tier,
            "outcome": done.outcome,
        }
        if pending is not None:
            shown |= {"pending": pending.to_tier, "applies_at": str(instant_or_none(pending.applies_at))}
        self.tell({**shown, **_lost(lost, done.before, tier)}, as_json=json, is_dry=dry_run)


def _lost(lost: Losses, before: str, tier: str) -> dict[str, Any]:
    """Return what goes with a downgrade, as numbers and addresses; nothing for another change."""
    if not is_less(tier, than=before):
        return {}
    return {
        "limited": [account.number for account in lost.accounts],
        "disabled": [webhook.url for webhook in lost.webhooks],
        "history_before": instant_or_none(lost.history_before),
    }
