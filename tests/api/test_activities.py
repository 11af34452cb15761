"""/v2/account/activities: fills, deposits and fees, told from the ledger itself."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from alpaca.trading.models import NonTradeActivity, TradeActivity
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.api.conftest import refusal
from tests.factories.rows import NOON, make_fill, make_journal, make_order
from trading.models import Fill, Journal, Posting
from trading.services.activities import _FEE_BITS

PATH = "/v2/account/activities"


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [each["id"] for each in answer.json()]


def make_commission(fill, amount="0.5"):
    """Insert the journal of a fill that cost a commission."""
    owner = {"user_id": fill.user_id, "account_id": fill.account_id}
    lines = {"cash": -100 - Decimal(amount), "securities": Decimal(100), "fees": Decimal(amount)}
    with transaction.atomic():
        Posting.objects.bulk_create(
            [
                Posting(journal_id=fill.pk, ledger=ledger, amount=each, **owner)
                for ledger, each in lines.items()
            ]
        )
        Journal.objects.create(id=fill.pk, kind="fill", at=fill.at, **owner)


@pytest.fixture
def many(bot, ibm):
    """Give the account twelve fills, two at one instant, a fee and a second deposit."""
    order = make_order(bot.account, ibm, quantity=100)
    for number in range(12):
        fill = make_fill(
            bot.account, order, at=NOON + timedelta(seconds=number // 2), seq=number + 1, quantity=number + 1
        )
        owner = {"user_id": fill.user_id, "account_id": fill.account_id}
        if number != 3:
            with transaction.atomic():
                Posting.objects.bulk_create(
                    [
                        Posting(journal_id=fill.pk, ledger="cash", amount=-1, **owner),
                        Posting(journal_id=fill.pk, ledger="securities", amount=1, **owner),
                    ]
                )
                Journal.objects.create(id=fill.pk, kind="fill", at=fill.at, **owner)
        else:
            make_commission(fill)
    make_journal(bot.account, amount=7, at=NOON + timedelta(seconds=2), note="a gift")
    return order


def test_a_fill_is_told_with_every_field_of_the_wire(bot, holding):
    order_id = holding("10", "100")
    fill = Fill.objects.get()

    [answer] = bot.get(PATH, activity_types="FILL").json()

    assert answer == {
        "id": f"20131008120000000::{fill.pk}",
        "activity_type": "FILL",
        "transaction_time": "2013-10-08T16:00:00Z",
        "type": "fill",
        "price": "100",
        "qty": "10",
        "side": "buy",
        "symbol": "IBM",
        "leaves_qty": "0",
        "order_id": str(order_id),
        "cum_qty": "10",
        "order_status": "filled",
    }
    assert TradeActivity(**answer, account_id=bot.account.pk).qty == 10


def test_the_deposit_at_the_opening_is_told(bot):
    journal = Journal.objects.get()

    [answer] = bot.get(PATH).json()

    assert answer == {
        "id": f"20131008120000000::{journal.pk}",
        "activity_type": "CSD",
        "date": "2013-10-08",
        "created_at": "2013-10-08T16:00:00Z",
        "net_amount": "100000",
        "description": "",
        "status": "executed",
        "currency": "USD",
    }
    assert NonTradeActivity(**answer, account_id=bot.account.pk).net_amount == 100_000


def test_partial_fills_count_up_to_the_whole(bot, desk):
    order_id = UUID(bot.order(qty="10").json()["id"])
    desk.decide((order_id, "new"), (order_id, "partial_fill", "4", "99"))
    desk.decide((order_id, "fill", "6", "100"))

    answer = bot.get(PATH, activity_types="FILL", direction="asc").json()

    assert [
        (each["type"], each["qty"], each["cum_qty"], each["leaves_qty"], each["order_status"])
        for each in answer
    ] == [
        ("partial_fill", "4", "4", "6", "partially_filled"),
        ("fill", "6", "10", "0", "filled"),
    ]


def test_the_last_fill_of_a_notional_order_is_its_fill(bot, desk, show):
    show(bid="99", ask="100", last="100")
    terms = {"qty": None, "notional": "50", "type": "market", "limit_price": None}
    order_id = UUID(bot.order(**terms).json()["id"])
    desk.decide((order_id, "new"), (order_id, "partial_fill", "0.2", "100"))
    desk.decide((order_id, "fill", "0.3", "100"))

    answer = bot.get(PATH, activity_types="FILL", direction="asc").json()

    assert [(each["type"], each["cum_qty"], each["leaves_qty"]) for each in answer] == [
        ("partial_fill", "0.2", "0"),
        ("fill", "0.5", "0"),
    ]


def test_a_commission_is_a_fee_of_its_own(bot, ibm):
    fill = make_fill(bot.account, make_order(bot.account, ibm), quantity=1)
    make_commission(fill, "0.35")

    [fee] = bot.get(PATH, activity_types="FEE").json()

    assert (fee["net_amount"], fee["symbol"], fee["qty"]) == ("-0.35", "IBM", "1")
    assert fee["id"].endswith(str(UUID(int=fill.pk.int ^ _FEE_BITS)))
    assert len(set(ids(bot.get(PATH)))) == 3


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pages_follow_one_another_without_gap_or_repetition(bot, many, direction, size):
    whole = ids(bot.get(PATH, direction=direction))
    assert len(whole) == 12 + 1 + 2

    pages: list[str] = []
    token: dict[str, str] = {}
    while page := ids(bot.get(PATH, direction=direction, page_size=size, **token)):
        assert len(page) <= size
        pages += page
        token = {"page_token": page[-1]}

    assert pages == whole


def test_the_newest_come_first_unless_the_oldest_are_asked_for(bot, many):
    newest = bot.get(PATH).json()
    oldest = bot.get(PATH, direction="asc").json()

    assert newest == oldest[::-1]
    times = [each.get("transaction_time") or each["created_at"] for each in oldest]
    assert times == sorted(times)
    assert [each["id"] for each in oldest][:1] == sorted(each["id"] for each in oldest)[:1]


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ({}, {"FILL", "CSD", "FEE"}),
        ({"activity_types": "FILL"}, {"FILL"}),
        ({"activity_types": "csd,FEE"}, {"CSD", "FEE"}),
        ({"activity_types": "TRANS"}, {"CSD"}),
        ({"activity_types": "MISC"}, {"FILL", "FEE"}),
        ({"activity_types": "DIV"}, set()),
        ({"category": "trade_activity"}, {"FILL"}),
        ({"category": "non_trade_activity"}, {"CSD", "FEE"}),
    ],
)
def test_types_and_categories_choose(bot, many, query, types):
    assert {each["activity_type"] for each in bot.get(PATH, **query).json()} == types


def test_a_type_may_stand_in_the_path(bot, many):
    assert bot.get(f"{PATH}/CSD").json() == bot.get(PATH, activity_types="CSD").json()
    assert refusal(bot.get(f"{PATH}/NOPE")) == (422, 40010001)


def test_the_fills_of_one_order_are_chosen_by_its_id(bot, ibm, many):
    other = make_fill(bot.account, make_order(bot.account, ibm))

    answer = bot.get(PATH, order_id=str(other.order_id)).json()

    assert [each["order_id"] for each in answer] == [str(other.order_id)]
    assert bot.get(PATH, order_id=str(uuid4())).json() == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"date": "2013-10-08"}, 12),
        ({"date": "2013-10-08T23:00:00Z"}, 12),
        ({"date": "2013-10-07"}, 0),
        ({"after": "2013-10-08T16:00:02Z"}, 6),
        ({"until": "2013-10-08T16:00:02Z"}, 4),
        ({"after": "2013-10-08T16:00:00Z", "until": "2013-10-08T16:00:03Z"}, 4),
    ],
)
def test_time_is_chosen_by_day_or_by_bounds_that_are_left_out(bot, many, query, count):
    assert len(bot.get(PATH, activity_types="FILL", **query).json()) == count


def test_a_day_is_new_yorks(bot, ibm):
    late = make_fill(bot.account, make_order(bot.account, ibm), at=NOON + timedelta(hours=10))  # 22:00 there

    assert ids(bot.get(PATH, activity_types="FILL", date="2013-10-08")) == [f"20131008220000000::{late.pk}"]
    assert bot.get(PATH, activity_types="FILL", date="2013-10-09").json() == []


@pytest.mark.parametrize(
    "query",
    [
        {"activity_types": "FILL,NOPE"},
        {"activity_types": "FILL", "category": "trade_activity"},
        {"category": "some"},
        {"direction": "up"},
        {"page_size": "0"},
        {"page_size": "101"},
        {"page_token": "x"},
        {"page_token": f"20131008120000000::{uuid4()}"},
        {"order_id": "x"},
        {"date": "yesterday"},
        {"date": "2013-10-08", "after": "2013-10-08"},
        {"until": "soon"},
    ],
)
def test_a_bad_parameter_is_refused(bot, query):
    assert refusal(bot.get(PATH, **query)) == (422, 40010001)


def test_nobody_sees_another_accounts_activities(make_bot, bot, many):
    stranger = make_bot(cash=5)

    assert [each["net_amount"] for each in stranger.get(PATH).json()] == ["5"]
    token = ids(bot.get(PATH))[0]
    assert refusal(stranger.get(PATH, page_token=token)) == (422, 40010001)


def test_an_account_without_anything_has_none(make_bot):
    assert make_bot(cash=0).get(PATH).json() == []


def test_a_full_page_takes_as_many_queries_as_one_fill(bot, ibm):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert bot.get(PATH).status_code == 200
        return len(captured)

    order = make_order(bot.account, ibm, quantity=1000)
    make_fill(bot.account, order)
    queries()
    for_one = queries()
    for number in range(500):
        make_fill(bot.account, order, seq=number + 2, at=NOON + timedelta(milliseconds=number))

    assert queries() == for_one
    assert len(bot.get(PATH).json()) == 100
    assert bot.get(PATH).json()[0]["cum_qty"] == "501"
