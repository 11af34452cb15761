"""What an account has done: orders, activities and closed trades, each also as a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from accounts.throttling import attempt_page
from trading import reference
from trading.dashboard.filters import Filters
from trading.dashboard.generations import generations_to_choose
from trading.dashboard.page import PaperPage
from trading.dashboard.spreadsheet import download, rows_of
from trading.errors import ValueInvalid
from trading.models.order import OPEN_STATUSES, TERMINAL_STATUSES
from trading.review import orders, trades
from trading.review.orders import average_price, orders_of
from trading.review.statement import months_of
from trading.review.trades import closed_trades
from trading.services.activities import FILL, TYPES, Span, activities

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.http import HttpRequest, HttpResponse

    from trading.models import Order
    from trading.review.months import Month
    from trading.review.trades import Trade
    from trading.services.activities import Activity

PAGE_SIZE = 50
DIRECTIONS = ("newest", "oldest")
STATUSES = ("open", "closed", *OPEN_STATUSES, *TERMINAL_STATUSES)
SIDES = ("buy", "sell")
ORDER_TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop")
TRADES_AT_ONCE = 10_000  # of a file: each reading goes through all fills


class ListPage(PaperPage):
    """A list with filters: a page of it, or all its rows as a file with `?format=csv`."""

    section = "history"
    tab: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    def content(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        """Return the page, its part, or the file. Raises NotFound, ValueInvalid."""
        if request.GET.get("format") == "csv" and "part" not in request.GET:
            self._find(kwargs.pop("number"))
            attempt_page(self.principal.user_id, "file")
            filters = Filters(request.GET)
            rows = self.rows(filters)
            if filters.errors:
                raise ValueInvalid(" ".join(filters.errors.values()))
            generation = filters.values.get("generation")
            name = f"raxx-{self.account.number}-{self.tab}" + (
                f"-generation-{generation}" if generation else ""
            )
            return {"file": download(name, self.columns, rows)}
        return super().content(request, **kwargs)

    def show(self, request: HttpRequest, **content: Any) -> HttpResponse:
        """Return the page, or the file."""
        if "file" in content:
            answer: HttpResponse = content["file"]
            return answer
        return super().show(request, **content)

    def rows(self, filters: Filters) -> Iterable[Sequence[Any]]:
        """Return all rows of the file, once the filters have been read."""
        raise NotImplementedError

    def shown(self, filters: Filters, found: list[Any]) -> dict[str, Any]:
        """Return a page of rows, of which one too many was read to see whether more follow."""
        has_more = len(found) > PAGE_SIZE
        return {
            **generations_to_choose(self, filters.values.get("generation")),
            "tab": self.tab,
            "filters": filters,
            "rows": [] if filters.errors else found[:PAGE_SIZE],
            "last": found[PAGE_SIZE - 1] if has_more and not filters.errors else None,
            "present": _present(self),
        }


class Orders(ListPage):
    """`/paper/<number>/orders`: the orders of one generation of the account."""

    template = "trading/orders.html"
    tab = "orders"
    parts: ClassVar[tuple[str, ...]] = ("order_rows",)
    columns = (
        "submitted_at",
        "symbol",
        "side",
        "type",
        "time_in_force",
        "qty",
        "notional",
        "limit_price",
        "stop_price",
        "status",
        "filled_qty",
        "filled_avg_price",
        "filled_at",
        "order_class",
        "id",
        "client_order_id",
    )

    def order_rows(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return a page of orders."""
        filters = Filters(request.GET)
        wanted = replace(self._wanted(filters), after=filters.order_id())
        found = [] if filters.errors else orders_of(self.principal, wanted, PAGE_SIZE + 1)
        shown = self.shown(filters, found)
        more = None if shown["last"] is None else filters.link(after=str(shown["last"].pk))
        return {
            **shown,
            "more": more,
            "statuses": STATUSES[2:],
            "sides": SIDES,
            "types": ORDER_TYPES,
            "has_open": any(row.status in OPEN_STATUSES for row in shown["rows"]),
        }

    def rows(self, filters: Filters) -> Iterable[Sequence[Any]]:
        """Return the orders as the file has them, in the wire's words."""
        wanted = self._wanted(filters)

        def read(last: Order | None, limit: int) -> list[Order]:
            after = None if last is None else last.pk
            return orders_of(self.principal, replace(wanted, after=after), limit)

        return (
            (
                row.submitted_at,
                row.symbol,
                row.side,
                row.type,
                row.time_in_force,
                row.quantity,
                row.notional,
                row.limit_price,
                row.stop_price,
                row.status,
                row.filled_quantity,
                average_price(row),
                row.filled_at,
                row.order_class,
                row.pk,
                row.client_order_id,
            )
            for row in rows_of(self.principal, read)
        )

    def _wanted(self, filters: Filters) -> orders.Wanted:
        first, end = filters.days()
        return orders.Wanted(
            generation=filters.generation(self.account.generation),
            status=filters.word("status", STATUSES),
            symbol=filters.symbol(),
            side=filters.word("side", SIDES),  # type: ignore[arg-type] # one of these words
            type=filters.word("type", ORDER_TYPES),
            first=first,
            end=end,
            is_ascending=filters.word("sort", DIRECTIONS) == "oldest",
        )


class Activities(ListPage):
    """`/paper/<number>/activities`: fills, deposits, fees, and what a reset took out."""

    template = "trading/activities.html"
    tab = "activities"
    columns = (
        "at",
        "activity_type",
        "symbol",
        "side",
        "qty",
        "price",
        "net_amount",
        "description",
        "order_id",
        "id",
    )

    def whole(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return a page of activities."""
        filters = Filters(request.GET)
        span = self._span(filters, request.GET.get("after") or None, PAGE_SIZE + 1)
        try:
            found = [] if filters.errors else activities(principal=self.principal, span=span)
        except ValueInvalid as error:
            filters.errors["after"] = error.message
            found = []
        shown = self.shown(filters, found)
        more = None if shown["last"] is None else filters.link(after=shown["last"].id)
        return {**shown, "more": more, "types": TYPES, "chosen": sorted(span.types)}

    def rows(self, filters: Filters) -> Iterable[Sequence[Any]]:
        """Return the activities as the file has them, in the wire's words."""
        span = self._span(filters, None, 0)

        def read(last: Activity | None, limit: int) -> list[Activity]:
            after = None if last is None else last.id
            return activities(principal=self.principal, span=replace(span, after=after, limit=limit))

        return (
            (
                row.at,
                row.type,
                row.symbol,
                row.side,
                row.quantity if row.symbol else None,
                row.price if row.type == FILL else None,
                row.amount if row.type != FILL else None,
                row.description,
                row.order_id,
                row.id,
            )
            for row in rows_of(self.principal, read)
        )

    def _span(self, filters: Filters, after: str | None, limit: int) -> Span:
        first, end = filters.days()
        return Span(
            generation=filters.generation(self.account.generation),
            types=frozenset(filters.words("type", TYPES) or TYPES),
            limit=limit,
            first=first,
            end=end,
            is_ascending=filters.word("sort", DIRECTIONS) == "oldest",
            after=after,
        )


class Trades(ListPage):
    """`/paper/<number>/trades`: what was opened and closed again, with what it brought."""

    template = "trading/trades.html"
    costs = "review"
    tab = "trades"
    columns = (
        "closed_at",
        "opened_at",
        "symbol",
        "direction",
        "qty",
        "entry_avg_price",
        "exit_avg_price",
        "fees",
        "net_profit",
        "fills",
        "closing_order_id",
    )

    def whole(self, request: HttpRequest, **_: Any) -> dict[str, Any]:
        """Return a page of trades."""
        filters = Filters(request.GET)
        wanted = replace(self._wanted(filters), after=filters.sequence())
        found = [] if filters.errors else closed_trades(self.principal, wanted, PAGE_SIZE + 1)
        shown = self.shown(filters, found)
        more = None if shown["last"] is None else filters.link(after=str(shown["last"].seq))
        return {**shown, "more": more}

    def rows(self, filters: Filters) -> Iterable[Sequence[Any]]:
        """Return the trades as the file has them."""
        wanted = self._wanted(filters)

        def read(last: Trade | None, limit: int) -> list[Trade]:
            after = None if last is None else last.seq
            return closed_trades(self.principal, replace(wanted, after=after), limit)

        return (
            (
                row.closed_at,
                row.opened_at if row.is_whole else None,
                row.symbol,
                row.direction,
                row.shares,
                row.entry_price,
                row.exit_price,
                row.fees,
                row.net,
                row.fills,
                row.order_id,
            )
            for row in rows_of(self.principal, read, at_once=TRADES_AT_ONCE)
        )

    def _wanted(self, filters: Filters) -> trades.Wanted:
        first, end = filters.days()
        return trades.Wanted(
            generation=filters.generation(self.account.generation),
            symbol=filters.symbol(),
            direction=filters.word("direction", ("long", "short")),  # type: ignore[arg-type] # one of these words
            outcome=filters.word("outcome", ("won", "lost")),  # type: ignore[arg-type] # the same
            first=first,
            end=end,
            is_ascending=filters.word("sort", DIRECTIONS) == "oldest",
        )


def _present(page: PaperPage) -> Month:
    """Return the month whose statement is the newest."""
    now = reference.market_now(page.principal.market_id)
    return months_of(page.principal, now)[1]
