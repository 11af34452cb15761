"""What happened to an account, told from the fills and journals themselves: there is no second copy.

An activity's place is (market time, row's id): unique, and the same however often it is asked for.
A fill's commission stands in the fill's own journal and is an activity right after it. Its id is the
fill's with some bits flipped, so that a page token leads back to the row. Spec of the wire: 4.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import F, OuterRef, Q, Subquery, Sum

from matching.market.times import NEW_YORK
from trading.errors import ValueInvalid
from trading.models import Fill, Journal, LedgerAccount, Posting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.models import QuerySet

    from trading.principal import Principal

FILL, DEPOSIT, FEE, JOURNAL, INTEREST = "FILL", "CSD", "FEE", "JNLC", "INT"
TYPES = (FILL, DEPOSIT, FEE, JOURNAL, INTEREST)  # those that anything here is told as

_KINDS = {
    DEPOSIT: (Journal.Kind.DEPOSIT,),
    JOURNAL: (Journal.Kind.RESET, Journal.Kind.ADJUSTMENT, Journal.Kind.OPENING),
    INTEREST: (Journal.Kind.INTEREST,),
}
_FEE_BITS = 0x2F8A_91D3_64C7  # of the random part of a UUIDv7
_ID = re.compile(r"\d{17}::([0-9a-f-]{36})", re.ASCII)

Place = tuple["datetime", UUID, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which activities: `types` of TYPES; instants in UTC, from `first` on, before `end`.

    `after` is the id of the last one that was received, in the direction of `is_ascending`.
    """

    types: frozenset[str]
    limit: int
    generation: int | None = None  # None: the present one; the activities of one order are of any
    order_id: UUID | None = None
    first: datetime | None = None
    end: datetime | None = None
    is_ascending: bool = False
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One of them. `amount` is of those that move cash alone, the order's fields of fills alone."""

    type: str
    row_id: UUID
    at: datetime
    amount: Decimal = Decimal(0)
    description: str = ""
    symbol: str = ""
    side: str = ""
    price: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)
    order_id: UUID | None = None
    filled_quantity: Decimal = Decimal(0)  # of the order, by this fill
    leaves_quantity: Decimal = Decimal(0)  # of what it asks for now; a notional order leaves none
    is_last: bool = False

    @property
    def id(self) -> str:
        """The wire's id: New York's clock to the millisecond, and the row."""
        local = self.at.astimezone(NEW_YORK)
        row = UUID(int=self.row_id.int ^ _FEE_BITS) if self.type == FEE else self.row_id
        return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03}::{row}"

    @property
    def money(self) -> Decimal:
        """What a fill traded for, in dollars without sign."""
        return self.price * self.quantity

    @property
    def place(self) -> Place:
        return (self.at, self.row_id, int(self.type == FEE))


def activities(*, principal: Principal, span: Span) -> list[Activity]:
    """Return at most `span.limit` of the account's activities. Raises ValueInvalid for an unknown `after`."""
    after = None if span.after is None else _place_of(principal, span.after)
    found: list[Activity] = []
    if FILL in span.types:
        found += _fills(principal, span, after)
    for kind in _KINDS:
        if kind in span.types and span.order_id is None:
            found += _transfers(principal, span, after, kind)
    if FEE in span.types and span.order_id is None:
        found += _fees(principal, span, after)
    found.sort(key=lambda each: each.place, reverse=not span.is_ascending)
    return found[: span.limit]


def _fills(principal: Principal, span: Span, after: Place | None) -> Iterator[Activity]:
    mine = Fill.objects.owned_by(principal, principal.account_id)
    if span.order_id is not None:
        mine = mine.filter(order_id=span.order_id)
    else:
        mine = mine.filter(order__generation=_generation(span))
    # The order's fills up to and with this one; bounded by its life, because fills are indexed by time.
    so_far = (
        Fill.objects.owned_by(principal, principal.account_id)
        .filter(order_id=OuterRef("order_id"), at__gte=OuterRef("order__created_at"))
        .filter(Q(at__lt=OuterRef("at")) | Q(at=OuterRef("at"), id__lte=OuterRef("id")))
        .order_by()
        .values("order_id")
        .annotate(total=Sum("quantity"))
        .values("total")
    )
    rows = _cut(mine, span, after, rank=0).values(
        "id",
        "at",
        "symbol",
        "side",
        "price",
        "quantity",
        "order_id",
        so_far=Subquery(so_far),
        asked=F("order__quantity"),
        status=F("order__status"),
        filled=F("order__filled_quantity"),
    )
    for row in rows:
        leaves = Decimal(0) if row["asked"] is None else max(row["asked"] - row["so_far"], Decimal(0))
        is_over = row["status"] == "filled" and row["so_far"] >= row["filled"]
        yield Activity(
            type=FILL,
            row_id=row["id"],
            at=row["at"],
            symbol=row["symbol"],
            side=row["side"],
            price=row["price"],
            quantity=row["quantity"],
            order_id=row["order_id"],
            filled_quantity=row["so_far"],
            leaves_quantity=leaves,
            is_last=is_over if row["asked"] is None else not leaves,
        )


def _transfers(principal: Principal, span: Span, after: Place | None, kind: str) -> Iterator[Activity]:
    """Yield the cash that was paid in, what a reset took out (a generation's end is the last of its own), or interest.

    Beside resets stands what the trades came to that are no longer kept, so that the amounts still add up.
    """
    mine = Journal.objects.owned_by(principal, principal.account_id).filter(
        kind__in=_KINDS[kind], generation=_generation(span)
    )
    rows = _cut(mine, span, after, rank=0).values(
        "id", "at", "note", amount=Subquery(_line(principal, LedgerAccount.CASH))
    )
    for row in rows:
        yield Activity(
            type=kind,
            row_id=row["id"],
            at=row["at"],
            amount=row["amount"] or Decimal(0),
            description=row["note"],
        )


def _fees(principal: Principal, span: Span, after: Place | None) -> Iterator[Activity]:
    fees = Posting.objects.owned_by(principal, principal.account_id).filter(ledger=LedgerAccount.FEES)
    mine = Fill.objects.owned_by(principal, principal.account_id).filter(
        id__in=fees.values("journal_id"), order__generation=_generation(span)
    )
    rows = _cut(mine, span, after, rank=1).values(
        "id", "at", "symbol", "quantity", fee=Subquery(_line(principal, LedgerAccount.FEES))
    )
    for row in rows:
        yield Activity(
            type=FEE,
            row_id=row["id"],
            at=row["at"],
            amount=-row["fee"],
            description="commission",
            symbol=row["symbol"],
            quantity=row["quantity"],
        )


def _generation(span: Span) -> Any:
    return F("account__generation") if span.generation is None else span.generation


def _line(principal: Principal, ledger: LedgerAccount) -> QuerySet[Posting, Any]:
    mine = Posting.objects.owned_by(principal, principal.account_id)
    return mine.filter(journal_id=OuterRef("id"), ledger=ledger).values("amount")


def _cut(rows: QuerySet[Any], span: Span, after: Place | None, *, rank: int) -> QuerySet[Any]:
    """Return the first rows of a table, in the span's direction, that the span may need."""
    if span.first is not None:
        rows = rows.filter(at__gte=span.first)
    if span.end is not None:
        rows = rows.filter(at__lt=span.end)
    beyond, sign = ("gt", "") if span.is_ascending else ("lt", "-")
    if after is not None:
        at, row_id, after_rank = after
        same = Q(pk=row_id) if (rank > after_rank if span.is_ascending else rank < after_rank) else Q(pk=None)
        rows = rows.filter(Q(**{f"at__{beyond}": at}) | Q(at=at) & (Q(**{f"id__{beyond}": row_id}) | same))
    return rows.order_by(f"{sign}at", f"{sign}id")[: span.limit]


def _place_of(principal: Principal, activity_id: str) -> Place:
    """Return where an activity of the account stands. Raises ValueInvalid when it is none."""
    match = _ID.fullmatch(activity_id)
    try:
        row_id = UUID(match[1]) if match else None
    except ValueError:
        row_id = None
    if row_id is not None:
        of_fee = UUID(int=row_id.int ^ _FEE_BITS)
        mine = Journal.objects.owned_by(principal, principal.account_id)  # a fill's journal bears its id
        for pk, at in mine.filter(pk__in=(row_id, of_fee)).values_list("pk", "at"):
            return (at, pk, int(pk == of_fee))
    raise ValueInvalid("page_token is not the id of an activity")
