"""The case page: one section a subject, each the newest few with a way to more, read as the support role.

What the customer sees is told by the selectors that tell it to them; their queries go to the support database
(`accounts.routing`), where the policies stand. A section costs as many queries for many rows as for one.
Other apps add sections of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import Count

from accounts.admin import SUPPORT
from accounts.models import ApiKey
from accounts.models.audit import AuditEntry
from accounts.routing import reading_from
from trading.models import Order, OrderEvent, StaffAct, WebhookDelivery, WebhookEndpoint
from trading.principal import OF_PERSON, Principal
from trading.selectors import account_figures, positions
from trading.services.explanations import explain_orders
from trading.wire import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trading.models import TradingAccount

SHOWN = 20  # rows of a section
PAGES_MAX = 500  # that one may go back
DIGITS_MAX = 5  # of a page's number
STEPS_MAX = 200  # of an order's story that is told here

_SESSIONS = """
select device, address_prefix, created_at, last_seen_at, ended_at, end_reason
  from trading_sessions_of_account(%s, %s) offset %s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a section: its cells as text, and sentences that are told below them."""

    cells: tuple[str, ...]
    story: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The account of a case, and how to read what it has as its owner does."""

    account: TradingAccount
    principal: Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What a section is: `read` returns its rows from one place on, at most one more than are shown.

    `is_of_person`: its rows belong to no account; of the person's other accounts they tell nothing.
    """

    name: str
    title: str
    headings: tuple[str, ...]
    read: Callable[[Case, int, int], Sequence[Row]]
    is_of_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A section as it is shown; `older` and `newer` are the pages beside this one, None where there is none."""

    section: Section
    rows: Sequence[Row] = field(default_factory=tuple)
    older: int | None = None
    newer: int | None = None


_sections: list[Section] = []


def show(*sections: Section) -> None:
    """Add sections to the case page, in this order."""
    _sections.extend(sections)


def sections_of(account: TradingAccount, asked: Mapping[str, Any]) -> list[Shown]:
    """Return every section of an account's case; `asked` says of which a later page is wanted, by its name."""
    principal = Principal(
        user_id=account.user_id,
        account_id=account.pk,
        market_id=account.market_id,
        scopes=OF_PERSON,
        tier=account.user.tier,
    )
    case = Case(account=account, principal=principal)
    with reading_from(SUPPORT):
        return [_shown(section, case, _page(asked.get(section.name))) for section in _sections]


def text(value: Any) -> str:
    """Return what stands in a cell; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return str(value)


def _shown(section: Section, case: Case, page: int) -> Shown:
    rows = list(section.read(case, page * SHOWN, SHOWN + 1))
    has_more = len(rows) > SHOWN and page < PAGES_MAX
    return Shown(
        section=section,
        rows=rows[:SHOWN],
        older=page + 1 if has_more else None,
        newer=page - 1 if page else None,
    )


def _page(asked: Any) -> int:
    is_number = isinstance(asked, str) and asked.isascii() and asked.isdecimal() and len(asked) <= DIGITS_MAX
    return min(int(asked), PAGES_MAX) if is_number else 0


def _balances(case: Case, first: int, most: int) -> Sequence[Row]:
    figures, account = account_figures(case.principal), case.account
    told = {
        "Person": f"{account.user.email}, {account.user.get_tier_display()}",
        "Status": f"{account.status}{', frozen since ' + text(account.frozen_at) if account.frozen_at else ''}",
        "Equity": plain(figures.equity),
        "Cash": plain(account.cash),
        "Held by open orders": plain(account.cash_held),
        "Buying power": plain(figures.buying_power),
        "Long, short": f"{plain(figures.long_market_value)}, {plain(figures.short_market_value)}",
        "Equity at the last close": plain(figures.last_equity),
    }
    return [Row(cells=(name, value)) for name, value in told.items()][first : first + most]


def _positions(case: Case, first: int, most: int) -> Sequence[Row]:
    held = positions(case.principal)
    return [
        Row(
            cells=(
                one.asset.symbol,
                plain(one.quantity),
                plain(one.available),
                plain(one.average_price),
                plain(one.price),
                plain(one.market_value),
                plain(one.unrealized),
            )
        )
        for one in held[first : first + most]
    ]


def _orders(case: Case, first: int, most: int) -> Sequence[Row]:
    mine = Order.objects.owned_by(case.principal, case.account.pk)
    found = mine.select_related("profile", "asset").order_by("-submitted_at", "pk")
    orders = list(found[first : first + most])
    steps = (
        OrderEvent.objects.owned_by(case.principal, case.account.pk)
        .filter(order_id__in=[order.pk for order in orders])
        .order_by()
        .values_list("order_id")
        .annotate(count=Count("pk"))
    )
    is_long = {order_id for order_id, count in steps if count > STEPS_MAX}
    told = [order for order in orders if order.pk not in is_long]
    stories = {one.order_id: one for one in explain_orders(principal=case.principal, orders=told)}
    rows = []
    for order in orders:
        story: tuple[str, ...] = ("It has too many steps to tell here.",)
        if (known := stories.get(order.pk)) is not None:
            waits = (known.waiting.sentence,) if known.waiting else ()
            story = (known.summary, *(step.sentence for step in known.steps), *waits)
        cells = (
            text(order.submitted_at),
            order.symbol,
            order.side,
            order.type,
            text(order.quantity if order.quantity is not None else order.notional),
            text(order.filled_quantity),
            order.status,
            str(order.pk),
        )
        rows.append(Row(cells=cells, story=story))
    return rows


def _events(case: Case, first: int, most: int) -> Sequence[Row]:
    found = OrderEvent.objects.owned_by(case.principal, case.account.pk).order_by("-seq")
    return [
        Row(cells=(text(one.seq), text(one.at), one.kind, one.status, str(one.order_id), one.request_id))
        for one in found[first : first + most]
    ]


def _audit(case: Case, first: int, most: int) -> Sequence[Row]:
    found = AuditEntry.objects.filter(chain=case.account.pk).order_by("-seq")
    return [
        Row(cells=(text(one.seq), text(one.at), one.action, f"{one.actor_kind}:{one.actor_id}", one.body))
        for one in found[first : first + most]
    ]


def _acts(case: Case, first: int, most: int) -> Sequence[Row]:
    found = StaffAct.objects.filter(account=case.account).order_by("-asked_at", "pk")
    return [
        Row(cells=(text(one.asked_at), one.kind, one.status, one.outcome, one.reason, str(one.staff_id)))
        for one in found[first : first + most]
    ]


def _keys(case: Case, first: int, most: int) -> Sequence[Row]:
    found = ApiKey.objects.owned_by(case.principal, case.account.pk).order_by("-created_at", "pk")
    # By name: what a key is checked against is nobody's to read.
    rows = found.values_list("pk", "name", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    return [
        Row(cells=(key_id, name, ", ".join(scopes), *(text(at) for at in instants)))
        for key_id, name, scopes, *instants in rows[first : first + most]
    ]


def _sessions(case: Case, first: int, most: int) -> Sequence[Row]:
    with connections[SUPPORT].cursor() as cursor:
        cursor.execute(_SESSIONS, [case.account.pk, first + most, first])
        return [Row(cells=tuple(text(cell) for cell in row)) for row in cursor.fetchall()]


def _webhooks(case: Case, first: int, most: int) -> Sequence[Row]:
    found = WebhookEndpoint.objects.owned_by(case.principal, case.account.pk).order_by("-created_at", "pk")
    return [
        Row(
            cells=(
                str(one.pk),
                one.url,
                text(one.cursor),
                text(one.failures),
                "deleted" if one.deleted_at else one.disabled_reason or "enabled",
            )
        )
        for one in found[first : first + most]
    ]


def _deliveries(case: Case, first: int, most: int) -> Sequence[Row]:
    found = WebhookDelivery.objects.owned_by(case.principal, case.account.pk).order_by("-pk")
    return [
        Row(
            cells=(
                text(one.at),
                str(one.endpoint_id),
                "test" if one.seq is None else text(one.seq),
                text(one.attempt),
                text(one.status_code),
                one.error,
            )
        )
        for one in found[first : first + most]
    ]


show(
    Section(name="balances", title="Balances", headings=("What", "Now"), read=_balances),
    Section(
        name="positions",
        title="Positions",
        headings=("Symbol", "Quantity", "Available", "Average price", "Price", "Value", "Unrealized"),
        read=_positions,
    ),
    Section(
        name="orders",
        title="Orders, and why",
        headings=("Submitted", "Symbol", "Side", "Type", "Asked", "Filled", "Status", "Id"),
        read=_orders,
    ),
    Section(
        name="events",
        title="Events",
        headings=("Sequence", "At", "Kind", "Status", "Order", "Request"),
        read=_events,
    ),
    Section(
        name="acts",
        title="What the staff have done",
        headings=("Asked", "What", "Status", "Outcome", "Reason", "By"),
        read=_acts,
    ),
    Section(
        name="audit",
        title="Audit trail",
        headings=("Sequence", "At", "Action", "Actor", "Facts"),
        read=_audit,
    ),
    Section(
        name="keys",
        title="API keys",
        headings=("Key", "Name", "Scopes", "Made", "Last used", "Expires", "Revoked"),
        read=_keys,
    ),
    Section(
        name="sessions",
        title="Sessions",
        headings=("Device", "Network", "Begun", "Last seen", "Ended", "Why"),
        read=_sessions,
        is_of_person=True,
    ),
    Section(
        name="webhooks",
        title="Webhooks",
        headings=("Id", "Address", "Sent up to", "Failures", "State"),
        read=_webhooks,
    ),
    Section(
        name="deliveries",
        title="Webhook deliveries",
        headings=("At", "Webhook", "Sequence", "Attempt", "Answer", "Error"),
        read=_deliveries,
    ),
)
