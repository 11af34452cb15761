"""Why an order filled: the sentence and the evidence of one execution, from its row alone."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from matching.engine.types import Model, Rule, TimeInForce
from trading.explaining.rules import RULES
from trading.explaining.words import dollars, money_of, percent, price_of, quantity_of, shares
from trading.models.profile import PARTS
from trading.wire import EXACT, instant, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.models import Fill, Order, SimulationProfile

_VERBS = {
    ("buy", "buy_to_close"): "Bought back",
    ("sell", "sell_to_open"): "Sold short",
    ("buy", ""): "Bought",
    ("sell", ""): "Sold",
}


class _Seen:
    """One execution's evidence in dollars and shares.

    What it lacks, an absent side of the quote included, is None: no figure is made up.
    """

    def __init__(self, fill: Fill) -> None:
        given: dict[str, Any] = fill.evidence

        def read(name: str, unit: Callable[[int], Decimal]) -> Decimal | None:
            return None if given.get(name) is None else unit(given[name])

        self.is_print = bool(given.get("is_print"))
        self.is_cut = bool(given.get("is_cut"))
        self.offered = read("offered", quantity_of)
        self.offer_price = read("offer_price", price_of)
        self.bid, self.ask = read("bid", price_of) or None, read("ask", price_of) or None
        self.bid_size = read("bid_size", quantity_of) if self.bid else None
        self.ask_size = read("ask_size", quantity_of) if self.ask else None
        self.queue = read("queue_before", quantity_of)
        self.commission = read("commission", money_of) or Decimal(0)
        self.touch_name, self.touch = ("ask", self.ask) if fill.side == "buy" else ("bid", self.bid)

    def size(self, words: str = " of {}") -> str:
        """Return the size that was shown or printed, in these words; nothing where it is not known."""
        return "" if self.offered is None else words.format(shares(self.offered))

    @property
    def at(self) -> str:
        """Where a print was that filled the order at another price; nothing where it is not known."""
        return "" if self.offer_price is None else f" at {dollars(self.offer_price)}"


def verb(order: Order) -> str:
    """Return what its fills do: "Bought", "Sold short", ..."""
    return _VERBS.get((order.side, order.position_intent)) or _VERBS[order.side, ""]


def fill_sentence(order: Order, profile: SimulationProfile, fill: Fill, *, stop_won: bool = False) -> str:
    """Say why an order filled at that price.

    `stop_won`: the same item could have filled its take-profit as well (C4).
    """
    seen = _Seen(fill)
    say = _BY_RULE.get(fill.rule)
    meaning = RULES[Rule(fill.rule)] if fill.rule in set(Rule) else "a rule of another version"
    why = say(order, profile, fill, seen) if say else f": {meaning}"
    sentence = f"{verb(order)} {shares(fill.quantity)} at {dollars(fill.price)}{why} ({fill.rule})"
    if seen.is_cut:
        sentence += "; chance cut it to this part, as the profile's partial_rate says"
    if seen.commission:
        sentence += f"; commission {dollars(seen.commission)}"
    if stop_won:
        sentence += "; the same item could have filled its take-profit, and the stop wins (C4)"
    return f"{sentence}."


def fill_evidence(fill: Fill) -> dict[str, Any]:
    """Return the quote or print behind a fill, and what it gave; numbers as decimal strings, null unknown.

    `sequence` is that of the quote or print whose size was taken, `decided_at_sequence` that of the
    item on which it was taken: a quote may have stood for a while.
    """
    seen = _Seen(fill)
    is_auction = fill.rule == Rule.AUCTION
    return {
        "item": "auction" if is_auction else "print" if seen.is_print else "quote",
        "sequence": fill.offer_seq,
        "decided_at_sequence": fill.seq,
        "decided_at": instant(fill.at),
        "run": fill.run,
        "quantity": plain(fill.quantity),
        "price": plain(fill.price),
        "price_offered": _text(_price_offered(fill, seen)),
        "size_offered": _text(seen.offered),
        "bid": _text(seen.bid),
        "bid_size": _text(seen.bid_size),
        "ask": _text(seen.ask),
        "ask_size": _text(seen.ask_size),
        "queue_ahead": _text(seen.queue),
        "commission": plain(seen.commission),
        "is_cut_by_chance": seen.is_cut,
        "engine_version": fill.model_version,
    }


def _price_offered(fill: Fill, seen: _Seen) -> Decimal | None:
    """Return the price of the print or quote whose size was taken; None where its evidence is too old to tell."""
    if not seen.is_print:
        return seen.touch
    went_through = fill.rule == Rule.THROUGH
    return seen.offer_price or (None if went_through else fill.price)


def _take(_order: Order, profile: SimulationProfile, fill: Fill, seen: _Seen) -> str:
    if seen.touch is None:
        return ": it took at the touch"
    shown = f"the {seen.touch_name} stood at {dollars(seen.touch)}"
    if profile.model == Model.INSTANT:
        taken = f": {shown}, and the model instant ignores its size"
    else:
        taken = f": {shown}{seen.size(' with {} shown')}, and it takes at the touch"
    if fill.price != seen.touch:
        taken += f", made worse by the profile's slippage of {profile.slippage_bps} basis points"
    return taken


def _through(_order: Order, _profile: SimulationProfile, _fill: Fill, seen: _Seen) -> str:
    if seen.is_print:
        return f", its limit: a print{seen.size()}{seen.at} went through it"
    came = "" if seen.touch is None else f" to {dollars(seen.touch)}"
    return f", its limit: the {seen.touch_name} came{came}{seen.size(' with {} shown')}"


def _queue(_order: Order, _profile: SimulationProfile, fill: Fill, seen: _Seen) -> str:
    there = f": a print{seen.size()} at {dollars(fill.price)}"
    if not seen.queue:
        return f"{there}, with nobody ahead of it in the queue"
    return f"{there} used up the {shares(seen.queue)} ahead of it"


def _auction(order: Order, _profile: SimulationProfile, _fill: Fill, seen: _Seen) -> str:
    which = "opening" if order.time_in_force == TimeInForce.OPG else "closing"
    return f", the official price of the {which} auction{seen.size()}"


def _bar(_order: Order, profile: SimulationProfile, _fill: Fill, seen: _Seen) -> str:
    share = percent(EXACT.divide(Decimal(profile.participation), Decimal(PARTS)))
    return f": a bar's print{seen.size()}{seen.at}, of which the profile gives an account {share}"


_BY_RULE: dict[str, Callable[[Order, SimulationProfile, Fill, _Seen], str]] = {
    Rule.TAKE: _take,
    Rule.THROUGH: _through,
    Rule.QUEUE: _queue,
    Rule.AUCTION: _auction,
    Rule.BAR: _bar,
}


def _text(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)
