"""The order ticket: what there is to choose, what each means, and an order in one sentence.

Education, never advice: a help says what the broker will do, not what anybody should.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext as _, gettext_lazy, ngettext

from trading.templatetags.figures import price, quantity

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from trading.services.ticket import Ticket


class Choice(NamedTuple):
    """One value of a field, its name, and what it does."""

    value: str
    name: _StrPromise
    help: _StrPromise


TYPES = (
    Choice(
        "market",
        gettext_lazy("Market"),
        gettext_lazy("Trades at once at the best price there is. The price is not known beforehand."),
    ),
    Choice(
        "limit",
        gettext_lazy("Limit"),
        gettext_lazy("Trades at your price or a better one. It may wait, and may never trade."),
    ),
    Choice(
        "stop",
        gettext_lazy("Stop"),
        gettext_lazy("Waits until the stock trades at the stop price, then goes on as a market order."),
    ),
    Choice(
        "stop_limit",
        gettext_lazy("Stop limit"),
        gettext_lazy("Waits until the stock trades at the stop price, then goes on as a limit order."),
    ),
    Choice(
        "trailing_stop",
        gettext_lazy("Trailing stop"),
        gettext_lazy(
            "A stop that follows the price at a distance while it moves in your favour, never back."
        ),
    ),
)
TIMES_IN_FORCE = (
    Choice(
        "day",
        gettext_lazy("Day"),
        gettext_lazy("Ends at the close of the trading day, if it has not filled by then."),
    ),
    Choice(
        "gtc",
        gettext_lazy("Until canceled"),
        gettext_lazy("Stays open over days until it fills or you cancel it, at most 90 days."),
    ),
    Choice("opg", gettext_lazy("At the open"), gettext_lazy("Takes part in the opening auction alone.")),
    Choice("cls", gettext_lazy("At the close"), gettext_lazy("Takes part in the closing auction alone.")),
    Choice(
        "ioc",
        gettext_lazy("Immediate or cancel"),
        gettext_lazy("What cannot trade at once is canceled; a part may fill."),
    ),
    Choice(
        "fok",
        gettext_lazy("Fill or kill"),
        gettext_lazy("Trades at once as a whole, or is canceled as a whole."),
    ),
)
AUCTIONS = frozenset({"opg", "cls"})
AT_MIDNIGHT = gettext_lazy("This market never closes: its auctions are at midnight, New York time.")
CLASSES = (
    Choice("simple", gettext_lazy("Alone"), gettext_lazy("One order by itself.")),
    Choice(
        "bracket",
        gettext_lazy("Bracket"),
        gettext_lazy(
            "When it fills, two exits begin to work: a take-profit and a stop-loss. One ends the other."
        ),
    ),
    Choice(
        "oco",
        gettext_lazy("Pair (OCO)"),
        gettext_lazy(
            "One cancels other: two exits of a position that you hold. When one fills, the other is canceled."
        ),
    ),
    Choice(
        "oto",
        gettext_lazy("Exit (OTO)"),
        gettext_lazy(
            "One triggers other: when it fills, one exit begins to work, a take-profit or a stop-loss."
        ),
    ),
)

_FOR_HOW_LONG = {
    "day": gettext_lazy("It is good for the day."),
    "gtc": gettext_lazy("It is good until it is canceled."),
    "opg": gettext_lazy("It takes part in the opening auction alone."),
    "cls": gettext_lazy("It takes part in the closing auction alone."),
    "ioc": gettext_lazy("What cannot trade at once is canceled."),
    "fok": gettext_lazy("It trades at once as a whole, or not at all."),
}


def times_in_force(*, never_closes: bool) -> list[Choice]:
    """Return the times in force with their helps; those of a market's auctions say when they are, if at no bell."""
    return [
        one._replace(help=AT_MIDNIGHT) if one.value in AUCTIONS and never_closes else one
        for one in TIMES_IN_FORCE
    ]


def in_words(ticket: Ticket, *, never_closes: bool = False) -> list[str]:
    """Return what an order says, in sentences."""
    words = {"amount": _amount(ticket), "symbol": ticket.symbol, "how": _how(ticket)}
    sentences = [
        _("Buy %(amount)s of %(symbol)s %(how)s.") % words
        if ticket.side == "buy"
        else _("Sell %(amount)s of %(symbol)s %(how)s.") % words,
        str(_FOR_HOW_LONG[ticket.time_in_force]),
    ]
    if ticket.extended_hours:
        sentences.append(_("It also trades before the open and after the close."))
    if ticket.time_in_force in AUCTIONS and never_closes:
        sentences.append(str(AT_MIDNIGHT))
    return [*sentences, *_exits(ticket)]


def _amount(ticket: Ticket) -> str:
    if ticket.quantity is None:
        return _("%(dollars)s dollars") % {"dollars": price(ticket.notional)}
    number = 1 if ticket.quantity == 1 else 2
    return ngettext("%(shares)s share", "%(shares)s shares", number) % {"shares": quantity(ticket.quantity)}


def _how(ticket: Ticket) -> str:
    words = {
        "limit": price(ticket.own_limit),
        "stop": price(ticket.stop_price),
        "trail": price(ticket.trail_price)
        if ticket.trail_percent is None
        else f"{quantity(ticket.trail_percent)} %",
    }
    is_purchase = ticket.side == "buy"
    if ticket.type == "market":
        return _("at the market")
    if ticket.type == "limit":
        return _("at %(limit)s or lower") % words if is_purchase else _("at %(limit)s or higher") % words
    if ticket.type == "trailing_stop":
        if is_purchase:
            return _("at the market, once it has risen by %(trail)s from its lowest") % words
        return _("at the market, once it has fallen by %(trail)s from its highest") % words
    if ticket.type == "stop":
        if is_purchase:
            return _("at the market, once it has risen to %(stop)s") % words
        return _("at the market, once it has fallen to %(stop)s") % words
    if is_purchase:
        return _("at %(limit)s or lower, once it has risen to %(stop)s") % words
    return _("at %(limit)s or higher, once it has fallen to %(stop)s") % words


def _exits(ticket: Ticket) -> list[str]:
    sentences = []
    if ticket.take_profit is not None and ticket.order_class != "oco":
        words = {"limit": price(ticket.take_profit.limit_price)}
        sentences.append(_("When it fills, a take-profit works at %(limit)s.") % words)
    if ticket.stop_loss is not None:
        words = {"stop": price(ticket.stop_loss.stop_price), "limit": price(ticket.stop_loss.limit_price)}
        if ticket.order_class == "oco":
            first = _("Or else a stop-loss closes the position at %(stop)s")
        else:
            first = _("When it fills, a stop-loss waits at %(stop)s")
        rest = "" if ticket.stop_loss.limit_price is None else _(", limited to %(limit)s")
        sentences.append((first + rest) % words + ".")
    return sentences
