"""What the book of record keeps of people: every owned table, and who of the staff may look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import OperationalError, connection, transaction
from psycopg.errors import ObjectInUse

from accounts.errors import RuleBroken
from accounts.privacy.keepers import ROWS_AT_ONCE, Holding, Keeper

if TYPE_CHECKING:
    from uuid import UUID

HOLDINGS = (
    Holding(table="trading_tradingaccount", words="Your paper accounts, with their cash and their settings."),
    Holding(table="trading_order", words="Your orders, as they stand."),
    Holding(table="trading_orderevent", words="All that happened to them: what the streams told."),
    Holding(table="trading_fill", words="Your trades, each with the quote that it came from."),
    Holding(table="trading_position", words="What you hold."),
    Holding(table="trading_openinglot", words="What you held where your kept history begins."),
    Holding(table="trading_journal", words="Every movement of paper money."),
    Holding(table="trading_posting", words="Its lines: those of one journal sum to nothing."),
    Holding(table="trading_equitysnapshot", words="What your accounts were worth at the end of each day."),
    Holding(table="trading_accountreset", words="When you began again."),
    Holding(table="trading_watchlist", words="Your watchlists, with those that you have deleted lately."),
    Holding(
        table="trading_webhookendpoint", words="Where your events are sent. What signs them is not kept."
    ),
    Holding(table="trading_webhookdelivery", words="What came of that, in the last thirty days."),
    Holding(
        table="trading_firststeps",
        words="How you began: your answers, and the investor profile that you took.",
    ),
    Holding(
        table="trading_accountgrant",
        words="When the staff was allowed to look at your accounts, and why; or what you were allowed as staff.",
        whose=(
            "(t.staff_id = %(user)s or t.account_id in"
            " (select a.account_id from trading_tradingaccount a where a.user_id = %(user)s))"
        ),
        left_out=frozenset({"staff_id", "granted_by_id", "ended_by_id", "reason", "ticket"}),
        figures={
            "permission": "(select p.codename from auth_permission p where p.id = t.permission_id)",
            # What a grant was for is said of the customer, and is no business of an archive of the staff's.
            "why": "(case when t.staff_id <> %(user)s then t.reason end)",
        },
    ),
    # Of what somebody asked for as staff the others' archives tell, to whom it was done.
    Holding(
        table="trading_staffact",
        words="What the staff asked to have done to your accounts, why, and what came of it.",
        whose="t.account_id in (select a.account_id from trading_tradingaccount a where a.user_id = %(user)s)",
        left_out=frozenset({"staff_id", "attempts", "next_attempt_at"}),
    ),
)

_ERASE = "select trading_erase_first_steps(%(user)s) + trading_erase_rows(%(user)s, %(most)s)"


def erase_some(user_id: UUID) -> bool:
    """Delete some of a person's books; say whether there is more.

    Raises RuleBroken while a market has not ended their open orders.
    """
    try:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(_ERASE, {"user": user_id, "most": ROWS_AT_ONCE})
            deleted: int = cursor.fetchone()[0]
    except OperationalError as error:
        if not isinstance(error.__cause__, ObjectInUse):
            raise
        raise RuleBroken(error.__cause__.diag.message_primary or "orders are open") from None
    return deleted > 0


KEEPER = Keeper(app="trading", holdings=HOLDINGS, erase_some=erase_some)
