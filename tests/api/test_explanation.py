"""GET /raxx/v1/orders/{id}/explanation: for the owner alone, from the stored rows and the market of now."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models.user import new_id
from matching.engine.types import DOLLAR, SHARE
from matching.market import keys, latest
from matching.market.latest import Latest
from matching.models import CalendarDay, Market, Watermark
from tests.api.conftest import refusal, told
from tests.factories.rows import NOON, make_account, make_api_key, make_event, make_fill, make_order
from trading.models import Order
from trading.services.profiles import define_profile

MISSING = (404, 40410000)


def path(order):
    return f"/raxx/v1/orders/{getattr(order, 'pk', order)}/explanation"


def explained(bot, order):
    answer = bot.get(path(order))
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def order_of(bot, ibm):
    """Return a function that stores a working order of the bot's account: buy ten IBM at 100 dollars."""

    def make(**fields):
        return make_order(bot.account, ibm, **{"status": "new", "working_seq": 5, **fields})

    return make


@pytest.fixture
def log(bot):
    """Return a function that appends to the account's event log."""
    last = 0

    def append(order, kind, **fields):
        nonlocal last
        last += 1
        return make_event(bot.account, order, seq=last, kind=kind, **{"status": kind, **fields})

    return append


def test_an_order_goes_from_what_it_waits_for_to_why_it_filled(bot, desk, show):
    show(bid="99.90", ask="100.12", last="100.05")
    order_id = UUID(bot.order().json()["id"])

    waits_for_matcher = explained(bot, order_id)
    desk.decide((order_id, "new"))
    waits_for_market = explained(bot, order_id)
    desk.decide((order_id, "fill", "10", "100"))
    filled = explained(bot, order_id)

    assert waits_for_matcher["waiting_for"]["reason"] == "matcher"
    assert waits_for_market["summary"] == waits_for_market["waiting_for"]["sentence"]
    assert waits_for_market["waiting_for"]["sentence"] == (
        "It waits for the market to come to its limit: its limit 100.00 is 0.12 below the ask 100.12 (R2)."
    )
    assert (filled["status"], filled["waiting_for"]) == ("filled", None)
    assert filled["summary"] == "Bought 10 at 100.00: it took at the touch (L2)."
    assert [step["event"] for step in filled["steps"]] == ["pending_new", "new", "fill"]
    assert filled["model"] == {
        "name": "displayed",
        "version": 1,
        "model": "displayed",
        "parameters": {
            "participation": "0.1",
            "slippage_bps": 0,
            "latency_ms": 0,
            "commission": "0",
            "reject_rate": "0",
            "partial_rate": "0",
        },
        "engine_version": 1,
    }


def test_the_evidence_of_a_fill_is_the_print_that_made_it(bot, order_of, log):
    order = order_of(status="filled", filled_quantity=10, filled_money=1000)
    fill = make_fill(
        bot.account,
        order,
        quantity=10,
        rule="R3",
        seq=8123,
        offer_seq=8123,
        model_version=3,
        evidence={
            "is_print": True,
            "offered": 300 * SHARE,
            "bid": 100 * DOLLAR,
            "bid_size": 500 * SHARE,
            "ask": 101 * DOLLAR,
            "ask_size": 200 * SHARE,
            "queue_before": 200 * SHARE,
            "commission": 5 * 10**12,
        },
    )
    log(order, "fill", fill_id=fill.pk, rule="R3", filled_quantity=10, filled_money=1000, feed_seq=8123)

    told = explained(bot, order)

    sentence = (
        "Bought 10 at 100.00: a print of 300 at 100.00 used up the 200 ahead of it (R3); commission 0.50."
    )
    assert told["summary"] == sentence
    assert told["model"]["engine_version"] == 3
    assert told["steps"] == [
        {
            "event": "fill",
            "at": "2013-10-08T16:00:00Z",
            "rule": "R3",
            "sentence": sentence,
            "evidence": {
                "item": "print",
                "sequence": 8123,
                "decided_at_sequence": 8123,
                "decided_at": "2013-10-08T16:00:00Z",
                "run": 1,
                "quantity": "10",
                "price": "100",
                "price_offered": "100",
                "size_offered": "300",
                "bid": "100",
                "bid_size": "500",
                "ask": "101",
                "ask_size": "200",
                "queue_ahead": "200",
                "commission": "0.5",
                "is_cut_by_chance": False,
                "engine_version": 3,
                "filled_quantity": "10",
            },
        }
    ]


def test_fills_in_part_are_counted_in_one_sentence(bot, order_of, log, show):
    show(bid="99", ask="100")
    order = order_of(status="partially_filled", filled_quantity=4, filled_money=398)
    for money in (199, 398):
        fill = make_fill(bot.account, order, quantity=2, price="99.5", rule="L2" if money == 199 else "R2")
        log(order, "partial_fill", fill_id=fill.pk, rule="L2", filled_quantity=2, filled_money=money)

    so_far = explained(bot, order)["summary"]
    Order.objects.update(status="expired")
    log(order, "expired", rule="S1", filled_quantity=4)
    ended = explained(bot, order)["summary"]
    Order.objects.update(status="filled", quantity=4)
    filled = explained(bot, order)["summary"]

    assert so_far.startswith("Bought 4 of 10 at 99.50 so far; it reaches the ask 100.00")
    assert (
        ended == "Bought 4 of 10 at 99.50; expired: the regular session ended, and it was for the day (S1)."
    )
    assert filled == "Bought 4 at 99.50 on average, in 2 fills (by L2, R2)."


@pytest.mark.parametrize(
    ("order", "event", "summary"),
    [
        (
            {"status": "rejected"},
            {"kind": "rejected", "rule": "M2"},
            "Rejected by chance: the profile rejects 0 % of all orders (M2).",
        ),
        (
            {"status": "canceled", "cancel_requested_at": NOON},
            {"kind": "canceled", "rule": "C0"},
            "Canceled, as its owner asked (C0).",
        ),
        (
            {"status": "canceled", "time_in_force": "ioc"},
            {"kind": "canceled", "rule": "L2-ioc"},
            "Canceled: nothing of it could trade at once (ioc, L2-ioc).",
        ),
    ],
)
def test_an_order_that_ended_is_summed_up_by_its_end(bot, order_of, log, order, event, summary):
    ended = order_of(**order)
    log(ended, "pending_new")
    log(ended, **event)
    if event["kind"] == "canceled":
        log(ended, "order_cancel_rejected")  # what comes after the end is told, and is not the sum

    told = explained(bot, ended)

    assert (told["summary"], told["waiting_for"]) == (summary, None)


def test_an_order_without_a_log_is_still_explained(bot, order_of):
    told = explained(bot, order_of(status="canceled"))

    assert (told["summary"], told["steps"]) == ("Canceled.", [])


def test_an_order_keeps_the_profile_that_it_was_accepted_with(bot, ibm, show):
    show(bid="99", ask="101")
    define_profile(name="careful", changes={"slippage_bps": 3})
    bot.patch("/raxx/v1/account/profile", {"name": "careful"})
    order_id = bot.order().json()["id"]
    define_profile(name="careful", changes={"slippage_bps": 9})
    bot.patch("/raxx/v1/account/profile", {"name": "careful"})

    model = explained(bot, order_id)["model"]

    assert (model["name"], model["version"], model["parameters"]["slippage_bps"]) == ("careful", 1, 3)


# What it waits for comes from the rows, the clock, the calendar and Valkey


def waiting(bot, order):
    return explained(bot, order)["waiting_for"]


def test_before_the_open_an_order_waits_for_it(bot, order_of):
    order = order_of(status="accepted", working_seq=None)
    Market.objects.update(anchor_at=NOON - timedelta(hours=4))  # eight in the morning in New York

    told = waiting(bot, order)

    assert (told["reason"], told["rule"]) == ("session", "S2")
    assert told["sentence"] == (
        "It waits for the regular session, which begins at 09:30 New York, 2013-10-08; "
        "the pre-market session is on now."
    )
    assert told["evidence"]["session_begins_at"] == "2013-10-08T13:30:00Z"


def test_an_early_close_moves_the_closing_auction(bot, order_of):
    CalendarDay.objects.filter(date=NOON.date()).update(close=NOON + timedelta(hours=1))
    order = order_of(type="market", limit_price=None, time_in_force="cls")

    assert waiting(bot, order)["sentence"] == (
        "It waits for the official price of the closing auction at 13:00 New York, 2013-10-08."
    )


def test_a_halt_is_seen_in_the_latest_values(bot, market, order_of, valkey):
    valkey.hset(keys.latest(market.pk), "IBM", latest.encode(Latest(is_halted=True)))

    assert waiting(bot, order_of())["reason"] == "halt"


def test_a_quote_that_nobody_knows_is_said_to_be_unknown(bot, order_of):
    assert waiting(bot, order_of())["reason"] == "no_quote"


def test_a_market_that_is_not_running_is_said_so(bot, order_of):
    Market.objects.update(is_active=False)

    assert waiting(bot, order_of())["reason"] == "market_stopped"


def test_a_calendar_that_ends_is_no_error(bot, order_of):
    CalendarDay.objects.all().delete()

    assert (
        waiting(bot, order_of())["sentence"] == "It waits for the regular session; the market is closed now."
    )


@pytest.fixture
def moves(market):
    """Return a function that stores how far the market came for trailing stops of a side."""

    def store(side, *steps):
        for seq, price in steps:
            Watermark.objects.create(
                market=market, symbol="IBM", side=side, seq=seq, price=int(Decimal(price) * DOLLAR)
            )

    return store


TRAIL = {"type": "trailing_stop", "limit_price": None, "trail_price": 1}


@pytest.mark.parametrize(
    ("side", "fields", "watermark", "stop"),
    [
        ("sell", {}, "103", "102"),  # the first move since it works
        ("sell", {"working_seq": 6}, "101", "100"),
        ("sell", {"working_seq": 9}, None, None),
        ("sell", {"hwm": "104"}, "104", "103"),  # kept from the order that it replaced
        ("sell", {"hwm": "100"}, "103", "102"),
        ("buy", {}, "97", "98"),
        ("buy", {"hwm": "96"}, "96", "97"),
    ],
)
def test_a_trailing_stop_stands_where_the_market_has_been_since_it_works(
    bot, order_of, moves, side, fields, watermark, stop
):
    moves("sell", (3, "110"), (6, "103"), (8, "101"))
    moves("buy", (3, "90"), (6, "97"))

    evidence = waiting(bot, order_of(side=side, **{**TRAIL, **fields}))["evidence"]

    assert (evidence["watermark"], evidence["stop_price"]) == (watermark, stop)


# Order classes


@pytest.fixture
def bracket(order_of):
    """Return a function that stores an entry with its take-profit and its stop-loss."""

    def make(**states):
        group = new_id()
        common = {"group_id": group, "order_class": "bracket"}
        entry = order_of(id=group, role="entry", **common, **states.get("entry", {}))
        exits = {**common, "parent": entry.pk, "side": "sell", "status": "held", "working_seq": None}
        target = order_of(role="take_profit", **{**exits, "limit_price": 110, **states.get("target", {})})
        stop_terms = {"type": "stop", "limit_price": None, "stop_price": 90}
        stop = order_of(role="stop_loss", **{**exits, **stop_terms, **states.get("stop", {})})
        return entry, target, stop

    return make


def test_the_exits_of_a_bracket_wait_for_its_entry(bot, bracket, show):
    show(bid="99", ask="101", last="100")
    entry, target, stop = bracket(entry={"filled_quantity": 4, "filled_money": 400})

    told = [waiting(bot, order) for order in (target, stop)]

    assert [(each["reason"], each["rule"]) for each in told] == [("entry", "C1")] * 2
    assert told[0]["evidence"]["entry_order_id"] == str(entry.pk)
    assert told[0]["sentence"] == "It is held until its entry is filled: 4 of 10 so far."


def test_a_stop_loss_stays_beside_its_take_profit_until_its_stop(bot, bracket, show):
    show(bid="99", ask="101", last="100")
    _, target, stop = bracket(
        entry={"status": "filled", "filled_quantity": 10, "filled_money": 1000},
        target={"status": "new", "working_seq": 7},
    )

    assert waiting(bot, target)["reason"] == "limit"
    assert waiting(bot, stop)["sentence"] == (
        "It waits for a print at or below 90.00, held beside its take-profit; the last one was at 100.00 (T1)."
    )


def test_an_entry_that_was_replaced_still_holds_its_exits(bot, bracket, order_of, show):
    entry, target, stop = bracket(entry={"status": "replaced"})
    successor = order_of(role="entry", group_id=entry.group_id, order_class="bracket", replaces=entry.pk)
    Order.objects.filter(pk__in=[target.pk, stop.pk]).update(parent=successor.pk)

    assert waiting(bot, stop)["evidence"]["entry_order_id"] == str(successor.pk)


def test_a_stop_that_was_preferred_to_its_take_profit_says_so_and_so_does_that(bot, bracket, log):
    _, target, stop = bracket(
        entry={"status": "filled"},
        target={"status": "canceled"},
        stop={"status": "filled", "filled_quantity": 10, "filled_money": 890},
    )
    fill = make_fill(bot.account, stop, quantity=10, price=89, seq=77)
    log(stop, "fill", fill_id=fill.pk, rule="L2", feed_seq=77, filled_quantity=10)
    log(target, "canceled", rule="C4", feed_seq=77)

    assert explained(bot, stop)["summary"].endswith(
        "the same item could have filled its take-profit, and the stop wins (C4)."
    )
    assert "then the stop wins (C4)" in explained(bot, target)["summary"]
    assert [step["event"] for step in explained(bot, stop)["steps"]] == ["fill"]


# Who may, and what it costs


def test_another_s_order_does_not_exist(bot, make_bot, order_of):
    order = order_of()
    stranger = make_bot()

    answer = stranger.get(path(order))

    assert refusal(answer) == MISSING
    assert told(answer) == told(stranger.get(path(new_id()))) | {"message": f"order not found for {order.pk}"}


def test_an_order_of_the_owner_s_other_account_does_not_exist_for_this_key(bot, market, order_of):
    order = order_of()
    second = make_account(bot.account.user, market=market)
    bot.key = make_api_key(second)

    assert refusal(bot.get(path(order))) == MISSING


@pytest.mark.parametrize("name", ["nothing", "%00", "01a206b7-bd3b-75cc-90b2-57bc5c83bf58"])
def test_what_is_no_order_is_not_found(bot, name):
    assert refusal(bot.get(path(name))) == MISSING


def test_reading_takes_the_scope_read(make_bot, ibm):
    reader, trader = make_bot(scopes=["read"]), make_bot(scopes=["trade"])

    assert reader.get(path(make_order(reader.account, ibm))).status_code == 200
    assert refusal(trader.get(path(make_order(trader.account, ibm)))) == (403, 40310000)


def test_a_story_of_many_fills_takes_as_many_queries_as_one_of_few(bot, bracket, log, show):
    show(bid="99", ask="101")
    _, target, _ = bracket(
        entry={"status": "filled"}, target={"status": "partially_filled", "working_seq": 7}
    )

    def queries():
        with CaptureQueriesContext(connection) as captured:
            explained(bot, target)
        return len(captured)

    def fill():
        log(target, "partial_fill", fill_id=make_fill(bot.account, target).pk, rule="R3")

    fill()
    queries()  # fills what a process keeps
    for_one = queries()
    for _ in range(20):
        fill()

    assert queries() == for_one
    assert len(explained(bot, target)["steps"]) == 21


def test_the_events_of_an_order_are_found_by_an_index_of_their_order(bot, order_of, log):
    log(order_of(), "new")
    with connection.cursor() as cursor:
        cursor.execute("set enable_seqscan = off")
        cursor.execute("explain select from trading_orderevent where order_id = %s", [new_id()])
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("reset enable_seqscan")

    assert "event_by_order" in plan
