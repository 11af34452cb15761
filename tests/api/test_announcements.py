"""/v2/corporate_actions/announcements: what a tape's factor files tell, and nothing of the tape's future."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from alpaca.trading.models import CorporateActionAnnouncement

from matching.models import Market
from tests.api.conftest import refusal

PATH = "/v2/corporate_actions/announcements"
ALL = {"ca_types": "dividend,split", "since": "2013-09-01", "until": "2013-11-20"}


@pytest.fixture
def files(market, ibm, tmp_path):
    """Give IBM a dividend on Monday, 2013-10-07, and a split on the 9th; stand on the 8th."""
    folder = tmp_path / "equity" / "usa" / "factor_files"
    folder.mkdir(parents=True)
    rows = ["20131004,0.99,0.5,50", "20131008,1,0.5,50", "20501231,1,1,0"]
    (folder / "ibm.csv").write_text("\n".join(rows), encoding="utf-8")
    Market.objects.update(
        config={"folder": str(tmp_path), "dates": ["2013-10-08"], "symbols": ["IBM", "MSFT"]}
    )


def test_a_dividend_is_told_with_every_field_of_the_wire(bot, files):
    [answer] = bot.get(PATH, **ALL).json()

    assert answer == {
        "id": answer["id"],
        "corporate_action_id": "IBM_dividend_20131007",
        "ca_type": "dividend",
        "ca_sub_type": "cash",
        "initiating_symbol": "IBM",
        "initiating_original_cusip": "459200101",
        "target_symbol": "IBM",
        "target_original_cusip": "459200101",
        "declaration_date": None,
        "ex_date": "2013-10-07",
        "record_date": None,
        "payable_date": None,
        "cash": "0.5",
        "old_rate": "1",
        "new_rate": "1",
    }
    assert CorporateActionAnnouncement(**answer).cash == 0.5
    assert bot.get(f"{PATH}/{answer['id']}").json() == answer


def test_a_split_is_told_from_its_first_day_on(bot, files):
    assert [each["ca_type"] for each in bot.get(PATH, **ALL).json()] == ["dividend"]
    Market.objects.update(anchor_at=datetime(2013, 10, 9, 4, tzinfo=UTC))  # midnight in New York

    _, answer = bot.get(PATH, **ALL).json()

    assert (answer["ca_sub_type"], answer["old_rate"], answer["new_rate"]) == ("stock_split", "1", "2")
    assert answer["ex_date"] == "2013-10-09"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"ca_types": "split"}, 0),
        ({"ca_types": "Dividend,merger,spinoff"}, 1),
        ({"symbol": "IBM"}, 1),
        ({"symbol": "MSFT"}, 0),
        ({"symbol": "\u0000"}, 0),
        ({"cusip": "459200101"}, 1),
        ({"cusip": "000000000"}, 0),
        ({"since": "2013-10-07", "until": "2013-10-07"}, 1),
        ({"since": "2013-10-08"}, 0),
        ({"until": "2013-10-06"}, 0),
        ({"date_type": "ex_date"}, 1),
        ({"date_type": "record_date"}, 0),
    ],
)
def test_filters_choose(bot, files, query, count):
    assert len(bot.get(PATH, **{**ALL, **query}).json()) == count


@pytest.mark.parametrize(
    "query",
    [
        {"ca_types": ""},
        {"ca_types": "dividend,party"},
        {"since": ""},
        {"until": ""},
        {"since": "x"},
        {"since": "2013-08-01"},
        {"since": "2013-12-01"},
        {"date_type": "birthday"},
    ],
)
def test_a_bad_parameter_is_refused(bot, files, query):
    assert refusal(bot.get(PATH, **{**ALL, **query})) == (422, 40010001)


@pytest.mark.parametrize("name", ["0d6f8a10-3f1d-4f0e-9d52-1c2b3a4d5e6f", "nope"])
def test_an_announcement_that_is_not_there_is_not_found(bot, files, name):
    assert refusal(bot.get(f"{PATH}/{name}")) == (404, 40410000)


def test_a_market_that_is_no_tape_knows_of_none(bot):
    Market.objects.update(feed="synthetic", calendar="XNYS")

    assert bot.get(PATH, **ALL).json() == []


def test_a_tape_without_factor_files_knows_of_none(bot, tmp_path):
    Market.objects.update(config={"folder": str(tmp_path), "dates": ["2013-10-08"], "symbols": ["IBM"]})

    assert bot.get(PATH, **ALL).json() == []
