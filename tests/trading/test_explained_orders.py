"""Orders explained from what the matcher itself has stored: decided on a tape, committed, read back."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from accounts.models import User
from accounts.models.user import new_id
from matching.market import rows
from matching.market.feeds import open_feed
from matching.market.market_clock import MarketClock
from matching.market.plain_csv import HEADER
from matching.matcher import Matcher
from matching.models import Market
from tests.factories.calendar import store_season
from trading import reference
from trading.adapters.journal import PostgresJournal
from trading.models import Asset
from trading.principal import Principal
from trading.services.accounts import open_account
from trading.services.explanations import explain_order
from trading.services.markets import activate_market, symbols_of

pytestmark = pytest.mark.django_db(transaction=True)

DAY = "2013-10-08"
OPEN = f"{DAY}T13:30"
ROWS = [
    f"{OPEN}:00.000Z,quote,10.00,300,10.02,200,,,",
    f"{OPEN}:02.000Z,trade,,,,,10.00,400,",
    f"{OPEN}:04.000Z,quote,9.96,100,9.98,700,,,",
    f"{OPEN}:05.000Z,trade,,,,,9.97,100,",
    f"{OPEN}:06.000Z,trade,,,,,9.90,50,",
]


class Rung:
    """A bell that always rings."""

    def wait(self, timeout):
        """Return at once."""


class Story:
    """One account on a paused tape, with the real matcher behind it."""

    def __init__(self, market, matcher):
        self.market, self.matcher = market, matcher
        owner = User.objects.create_user("ann@example.com")
        self.account = open_account(owner=owner, market=market, cash=Decimal(10_000), now=market.starts_at)
        self.asset = Asset.objects.get(symbol="XYZ")
        self.principal = Principal(
            user_id=owner.pk,
            account_id=self.account.pk,
            market_id=market.pk,
            scopes=frozenset({"read"}),
            tier="pro",
            key_id=None,
        )

    def advance(self, second):
        Market.objects.filter(pk=self.market.pk).update(anchor_at=datetime.fromisoformat(f"{OPEN}:{second}Z"))
        self.matcher.round()

    def order(self, **terms):
        """Place an order as web does, and let the matcher take it: buy 100 at 10.00 unless told."""
        order_id = new_id()
        document = {
            "n": 0,
            "id": str(order_id),
            "user_id": str(self.account.user_id),
            "account_id": str(self.account.pk),
            "market_id": self.market.pk,
            "asset_id": str(self.asset.pk),
            "symbol": "XYZ",
            "client_order_id": str(order_id),
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            "order_class": "",
            "extended_hours": False,
            "quantity": "100",
            "limit_price": "10.00",
            "position_intent": "",
            "reserve_price": "10.00",
            "cash_held": "1000",
            "quantity_held": "0",
            "request_id": "",
            **terms,
        }
        with connection.cursor() as cursor:
            cursor.execute("select denial from trading_submit_orders(%s)", [json.dumps([document])])
            assert cursor.fetchall() == [(None,)]
        self.matcher.round()
        return UUID(str(order_id))

    def told(self, order_id):
        return explain_order(principal=self.principal, order_id=order_id)


@pytest.fixture
def story(tmp_path, valkey):
    store_season()
    reference.forget()
    (tmp_path / "XYZ").mkdir()
    (tmp_path / "XYZ" / f"{DAY}.csv").write_text("\n".join([",".join(HEADER), *ROWS]) + "\n")
    market = activate_market(feed="replay", tape=str(tmp_path), date=DAY, paused=True)
    state, database = rows.market_state(market.pk), settings.DATABASES["default"]
    login = {key.lower(): database[key] for key in ("USER", "PASSWORD", "HOST")}
    journal = PostgresJournal(
        make_conninfo("", dbname=database["NAME"], port=database.get("PORT") or None, **login),
        market_id=market.pk,
        symbols=list(symbols_of(state)),
    )
    matcher = Matcher(
        journal=journal,
        open_feed=lambda _progress: open_feed(state, valkey),
        clock=MarketClock(market.pk),
        bell=Rung(),
    )
    matcher.recover()
    made = Story(market, matcher)
    made.advance("00.5")
    yield made
    journal.close()
    reference.forget()


def test_a_resting_order_is_explained_by_its_queue_before_and_after(story):
    order = story.order()

    before = story.told(order)
    story.advance("02.5")
    after = story.told(order)

    assert before.waiting.reason == "no_quote"  # no hub publishes here: the queue is the row's
    assert before.waiting.evidence["queue_ahead"] == "300"
    assert after.waiting is None
    assert after.summary == "Bought 100 at 10.00: a print of 400 at 10.00 used up the 300 ahead of it (R3)."
    assert [(step.event, step.rule) for step in after.steps] == [
        ("pending_new", None),
        ("new", "C0"),
        ("fill", "R3"),
    ]


def test_a_taker_is_explained_by_the_quote_that_it_took_from(story):
    order = story.order(limit_price="10.02", reserve_price="10.02", cash_held="1002")

    fill = story.told(order).steps[-1]

    assert fill.sentence == (
        "Bought 100 at 10.02: the ask stood at 10.02 with 200 shown, and it takes at the touch (L2)."
    )
    assert fill.evidence["item"] == "quote"
    assert (fill.evidence["bid"], fill.evidence["bid_size"]) == ("10", "300")


def test_a_quote_that_comes_to_a_limit_is_told_from_a_print_that_goes_through_it(story):
    by_quote = story.order(limit_price="9.99", quantity="10")
    by_print = story.order(limit_price="9.97", quantity="10")
    deeper = story.order(limit_price="9.95", quantity="10")

    story.advance("06.5")

    assert story.told(by_quote).summary == (
        "Bought 10 at 9.99, its limit: the ask came to 9.98 with 700 shown (R2)."
    )
    assert story.told(by_print).summary.startswith("Bought 10 at 9.97")
    assert (
        story.told(deeper).summary
        == "Bought 10 at 9.95, its limit: a print of 50 at 9.90 went through it (R2)."
    )


def test_a_stop_is_explained_by_what_triggered_it_and_what_it_then_took(story):
    story.order(limit_price="10.02", reserve_price="10.02", cash_held="1002")
    stop = story.order(
        side="sell",
        type="stop",
        limit_price=None,
        stop_price="9.97",
        reserve_price="0",
        cash_held="0",
        quantity_held="100",
    )

    waits = story.told(stop)
    story.advance("05.5")
    told = story.told(stop)

    assert waits.summary == "It waits for a print at or below 9.97 (T1)."
    triggered = next(step for step in told.steps if step.event == "triggered")
    assert triggered.sentence == (
        "Triggered: a print at 9.97 reached its stop 9.97; it is now a market order (T1)."
    )
    assert triggered.evidence["bid"] == "9.96"
    assert told.summary == (
        "Sold 100 at 9.96: the bid stood at 9.96 with 100 shown, and it takes at the touch (L2)."
    )


def test_a_bracket_is_explained_from_held_to_the_exit_that_won(story):
    exit_ = {
        "side": "sell",
        "type": "limit",
        "limit_price": None,
        "stop_price": None,
        "order_class": "bracket",
    }
    legs = [
        {**exit_, "role": "take_profit", "limit_price": "10.50"},
        {**exit_, "role": "stop_loss", "type": "stop", "stop_price": "9.97"},
    ]
    for leg in legs:
        leg["id"] = leg["client_order_id"] = str(new_id())
    target, stop = (UUID(leg["id"]) for leg in legs)

    entry = story.order(order_class="bracket", role="entry", legs=legs)
    held = story.told(target)
    story.advance("02.5")  # the print of 400 fills the entry
    working = story.told(stop)
    story.advance("05.5")

    assert (held.status, held.waiting.rule) == ("held", "C1")
    assert held.summary == "It is held until its entry is filled: 0 of 100 so far."
    assert story.told(entry).summary.startswith("Bought 100 at 10.00")
    assert working.summary == "It waits for a print at or below 9.97, held beside its take-profit (T1)."
    assert story.told(stop).summary.startswith("Sold 100 at 9.96: the bid stood at 9.96 with 100 shown")
    assert story.told(target).summary == (
        "Canceled: its stop-loss has filled or ended, and one exit is enough (C2)."
    )


def test_the_end_of_the_day_is_why_an_order_expired(story):
    order = story.order(limit_price="9.00")

    Market.objects.update(anchor_at=datetime.fromisoformat(f"{DAY}T20:00:01Z"))
    story.matcher.round()

    assert story.told(order).summary == "Expired: the regular session ended, and it was for the day (S1)."
