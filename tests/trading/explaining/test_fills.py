"""Why an order filled: the sentence of each rule, and nothing in it that the evidence does not say."""

from __future__ import annotations

import pytest

from tests.trading.explaining.given import FILL_ID, fill_of, money, order_of, price, profile_of, size
from trading.explaining.fills import fill_evidence, fill_sentence

INSTANT = profile_of(name="instant", model="instant")

SENTENCES = {
    "a taker": (
        order_of(),
        profile_of(),
        fill_of("L2", at="187.35"),
        "Bought 100 at 187.35: the ask stood at 187.35 with 300 shown, and it takes at the touch (L2).",
    ),
    "a seller": (
        order_of(side="sell"),
        profile_of(),
        fill_of("L2", side="sell", at="187.20", offered=size(500)),
        "Sold 100 at 187.20: the bid stood at 187.20 with 500 shown, and it takes at the touch (L2).",
    ),
    "a taker with slippage and a commission": (
        order_of(),
        profile_of(slippage_bps=5, commission="0.005"),
        fill_of("L2", at="187.4437", commission=money("0.5")),
        (
            "Bought 100 at 187.4437: the ask stood at 187.35 with 300 shown, and it takes at the touch, made worse "
            "by the profile's slippage of 5 basis points (L2); commission 0.50."
        ),
    ),
    "the model instant": (
        order_of(),
        INSTANT,
        fill_of("L2", at="187.35", quantity="5000"),
        "Bought 5,000 at 187.35: the ask stood at 187.35, and the model instant ignores its size (L2).",
    ),
    "the quote came to the limit": (
        order_of(),
        profile_of(),
        fill_of("R2", ask=price("187.15")),
        "Bought 100 at 187.20, its limit: the ask came to 187.15 with 300 shown (R2).",
    ),
    "a print went through the limit": (
        order_of(),
        profile_of(),
        fill_of("R2", is_print=True, offer_price=price("187.05")),
        "Bought 100 at 187.20, its limit: a print of 300 at 187.05 went through it (R2).",
    ),
    "a print went through the limit, and an old fill does not say where": (
        order_of(),
        profile_of(),
        fill_of("R2", is_print=True),
        "Bought 100 at 187.20, its limit: a print of 300 went through it (R2).",
    ),
    "a queue": (
        order_of(side="sell"),
        profile_of(),
        fill_of("R3", side="sell", is_print=True, queue_before=size(200)),
        "Sold 100 at 187.20: a print of 300 at 187.20 used up the 200 ahead of it (R3).",
    ),
    "nobody ahead": (
        order_of(),
        profile_of(),
        fill_of("R3", is_print=True, queue_before=0),
        "Bought 100 at 187.20: a print of 300 at 187.20, with nobody ahead of it in the queue (R3).",
    ),
    "cut by chance": (
        order_of(),
        profile_of(partial_rate=2_000),
        fill_of("R3", quantity="7", is_print=True, queue_before=0, is_cut=True),
        (
            "Bought 7 at 187.20: a print of 300 at 187.20, with nobody ahead of it in the queue (R3); "
            "chance cut it to this part, as the profile's partial_rate says."
        ),
    ),
    "the opening auction": (
        order_of(time_in_force="opg"),
        profile_of(),
        fill_of("S3", is_print=True, offered=size(10_000)),
        "Bought 100 at 187.20, the official price of the opening auction of 10,000 (S3).",
    ),
    "the closing auction": (
        order_of(time_in_force="cls"),
        profile_of(),
        fill_of("S3", is_print=True, offered=size(10_000)),
        "Bought 100 at 187.20, the official price of the closing auction of 10,000 (S3).",
    ),
    "a bar": (
        order_of(),
        profile_of(model="bars", participation=1_000),
        fill_of("B1", is_print=True, offered=size(2_500)),
        "Bought 100 at 187.20: a bar's print of 2,500, of which the profile gives an account 10 % (B1).",
    ),
    "a short sale of a part of a share below a dollar": (
        order_of(side="sell", position_intent="sell_to_open"),
        profile_of(),
        fill_of("L2", side="sell", at="0.1234", quantity="0.25", bid=price("0.1234")),
        "Sold short 0.25 at 0.1234: the bid stood at 0.1234 with 300 shown, and it takes at the touch (L2).",
    ),
    "a short that is bought back": (
        order_of(position_intent="buy_to_close"),
        profile_of(),
        fill_of("L2", at="187.35"),
        "Bought back 100 at 187.35: the ask stood at 187.35 with 300 shown, and it takes at the touch (L2).",
    ),
    "a rule of a later version": (
        order_of(),
        profile_of(),
        fill_of("X9"),
        "Bought 100 at 187.20: a rule of another version (X9).",
    ),
}


@pytest.mark.parametrize(("order", "profile", "fill", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_a_fill_is_told_by_its_rule_and_its_evidence(order, profile, fill, sentence):
    assert fill_sentence(order, profile, fill) == sentence


def test_a_stop_that_was_preferred_to_its_take_profit_says_so():
    told = fill_sentence(order_of(side="sell"), profile_of(), fill_of("L2", side="sell"), stop_won=True)

    assert told.endswith("(L2); the same item could have filled its take-profit, and the stop wins (C4).")


@pytest.mark.parametrize("rule", ["L2", "R2", "R3", "S3", "B1"])
def test_a_fill_without_evidence_makes_no_figure_up(rule):
    fill = fill_of(rule)
    fill.evidence = {}

    told = fill_sentence(order_of(), profile_of(), fill)

    assert "None" not in told
    assert "187.35" not in told
    assert fill_evidence(fill)["size_offered"] is None


@pytest.mark.parametrize(
    ("fill", "price_offered"),
    [
        (fill_of("L2"), "187.35"),
        (fill_of("R2", is_print=True, offer_price=price("187.05")), "187.05"),
        (fill_of("R2", is_print=True), None),
        (fill_of("S3", is_print=True), "187.2"),
        (fill_of("B1", is_print=True, offer_price=price("187.1")), "187.1"),
    ],
    ids=["the touch", "through the limit", "through, and it was not kept", "an auction", "a bar, slipped"],
)
def test_the_evidence_names_the_price_that_was_offered(fill, price_offered):
    assert fill_evidence(fill)["price_offered"] == price_offered


def test_the_evidence_is_the_offer_in_dollars_and_shares_as_text():
    fill = fill_of("R3", is_print=True, queue_before=size(200), commission=money("0.5"), bid=0, bid_size=0)

    assert fill.pk == FILL_ID
    assert fill_evidence(fill) == {
        "item": "print",
        "sequence": 8120,
        "decided_at_sequence": 8123,
        "decided_at": "2013-10-08T16:00:00Z",
        "run": 1,
        "quantity": "100",
        "price": "187.2",
        "price_offered": "187.2",
        "size_offered": "300",
        "bid": None,  # nobody bid
        "bid_size": None,
        "ask": "187.35",
        "ask_size": "300",
        "queue_ahead": "200",
        "commission": "0.5",
        "is_cut_by_chance": False,
        "engine_version": 1,
    }
