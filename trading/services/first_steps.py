"""How a person begins: what they answered, and what of the first steps is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.services.passkeys import passkeys_of
from accounts.services.recovery import codes_of
from trading import first_steps
from trading.models import FirstSteps, Order, TradingAccount, Watchlist
from trading.services.keys import keys_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.sessions import LivingSession

WAYS_BACK = 2  # passkeys: the loss of one locks nobody out


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is done of the first steps."""

    account: bool
    watchlist: bool  # with a symbol in it
    order: bool
    way_back: bool  # recovery codes, or a second passkey
    key: bool

    @property
    def is_done(self) -> bool:
        return all((self.account, self.watchlist, self.order, self.way_back, self.key))


def first_steps_of(session: LivingSession) -> FirstSteps:
    """Return what a person answered and chose; empty, and not stored, where they did neither yet."""
    return FirstSteps.objects.owned_by(session).first() or FirstSteps(user_id=session.user_id)


@transaction.atomic(durable=True)
def keep_first_steps(
    *,
    session: LivingSession,
    answers: Mapping[str, str] | None = None,
    profile: str | None = None,
    is_dismissed: bool | None = None,
) -> FirstSteps:
    """Write down answers, the investor profile that was taken, and whether the list is dismissed; None leaves it.

    Answers are to all questions or to none: an empty mapping forgets them. Raises ValueInvalid.
    """
    changed: dict[str, object] = {"updated_at": timezone.now()}
    if answers is not None:
        changed["answers"] = first_steps.checked(answers) if answers else {}
    if profile is not None:
        changed["profile"] = first_steps.profile_called(profile).name if profile else ""
    if is_dismissed is not None:
        changed["is_dismissed"] = is_dismissed
    # Two tabs may begin at once: whoever comes second changes the row of the first.
    FirstSteps.objects.bulk_create([FirstSteps(user_id=session.user_id)], ignore_conflicts=True)
    FirstSteps.objects.owned_by(session).update(**changed)
    return first_steps_of(session)


def progress_of(session: LivingSession) -> Progress:
    """Return what of the first steps a person has done, in whichever of their open accounts."""
    mine = TradingAccount.objects.owned_by(session).exclude(status=TradingAccount.Status.CLOSED)
    lists = Watchlist.objects.owned_by(session).filter(account_id=OuterRef("pk"), deleted_at=None)
    orders = Order.objects.owned_by(session).filter(account_id=OuterRef("pk"))
    of_accounts = list(
        mine.annotate(has_list=Exists(lists.exclude(asset_ids=[])), has_order=Exists(orders)).values_list(
            "has_list", "has_order"
        )
    )
    codes = codes_of(session)
    return Progress(
        account=bool(of_accounts),
        watchlist=any(has_list for has_list, _ in of_accounts),
        order=any(has_order for _, has_order in of_accounts),
        way_back=bool(codes and codes.digests)
        or len([passkey for passkey in passkeys_of(session) if passkey.confirmed]) >= WAYS_BACK,
        key=any(key.revoked_at is None for key in keys_of(session)),
    )
