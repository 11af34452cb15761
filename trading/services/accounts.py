"""Open paper accounts and pay paper money in."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models.user import new_id
from trading.models import Journal, LedgerAccount, Posting, TradingAccount

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from accounts.models import User
    from matching.models import Market

NUMBER_ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@transaction.atomic(durable=True)
def open_account(
    *, owner: User, market: Market, cash: Decimal, now: datetime, name: str = ""
) -> TradingAccount:
    """Open a paper account in a market and pay `cash` dollars in at market time `now`.

    Raises ValueError for cash that is not positive.
    """
    if cash <= 0:
        message = f"starting cash {cash} is not positive"
        raise ValueError(message)
    account = TradingAccount.objects.create(
        user=owner,
        market=market,
        number="PA" + "".join(secrets.choice(NUMBER_ALPHABET) for _ in range(10)),
        name=name,
        cash=cash,
        last_equity=cash,
        created_at=now,
    )
    _pay_in(account, cash, now)
    return account


def _pay_in(account: TradingAccount, cash: Decimal, now: datetime) -> None:
    owner = {"user_id": account.user_id, "account_id": account.pk}
    journal = Journal.objects.create(
        id=new_id(), kind=Journal.Kind.DEPOSIT, at=now, note="starting cash", **owner
    )
    Posting.objects.bulk_create(
        [
            Posting(journal_id=journal.pk, ledger=LedgerAccount.CASH, amount=cash, **owner),
            Posting(journal_id=journal.pk, ledger=LedgerAccount.CAPITAL, amount=-cash, **owner),
        ]
    )
