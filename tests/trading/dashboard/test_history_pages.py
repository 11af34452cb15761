"""The pages of what an account has done, over rows that the real matcher has written."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories.people import signed_in
from tests.factories.rows import make_account, make_asset, make_journal, make_order, make_user
from tests.trading.dashboard.desk_history import Past, make_past
from trading import reference
from trading.dashboard import spreadsheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ["/orders", "/activities", "/trades", "/statements/2013-10", "/performance"]


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    past = make_past(tmp_path)
    yield past
    past.stage.close()


def plain(html: str) -> str:
    """Return what a page says: its main part without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("<main", 1)[-1])).strip()


def sheet(answer: Any) -> list[dict[str, str]]:
    """Return a file's rows."""
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def queries(past: Past, path: str) -> int:
    past.text(path)  # what a process keeps for a while is kept now
    with CaptureQueriesContext(connection) as seen:
        past.text(path)
    return len(seen)


def test_closed_trades_are_from_flat_to_flat_and_cost_what_the_ledger_says(past: Past) -> None:
    long_trade, short_trade = sorted(
        sheet(past.get("/trades", format="csv")), key=lambda row: row["direction"]
    )

    assert (long_trade["qty"], long_trade["entry_avg_price"], long_trade["exit_avg_price"]) == (
        "100",
        "10.02",
        "10.16",
    )
    assert (long_trade["net_profit"], long_trade["fills"]) == ("14", "3")
    assert long_trade["closing_order_id"] == str(past.orders["second sale"])
    assert (short_trade["direction"], short_trade["net_profit"]) == ("short", "-6")
    assert past.realized() == Decimal(14 - 6)


def test_lists_are_narrowed_by_their_address(past: Past) -> None:
    def ids(page: str, **query: str) -> set[str]:
        return {
            row.get("id") or row["closing_order_id"] for row in sheet(past.get(page, format="csv", **query))
        }

    every = {str(order_id) for order_id in past.orders.values()}
    assert ids("/orders") == every
    assert ids("/orders", status="canceled") == {str(past.orders["canceled"])}
    assert ids("/orders", status="open") >= {str(past.orders["changed"]), str(past.orders["partly"])}
    assert ids("/orders", type="stop") == {str(past.orders["loss"])}
    assert ids("/orders", side="sell", type="market") == {
        str(past.orders[name]) for name in ("first sale", "second sale", "short")
    }
    assert ids("/orders", symbol="nope") == ids("/orders", to="2013-10-07") == set()
    assert ids("/orders", **{"from": "2013-10-08", "to": "2013-10-08"}) == every
    assert ids("/trades", outcome="lost") == ids("/trades", direction="short") == {str(past.orders["cover"])}
    assert {row["activity_type"] for row in sheet(past.get("/activities", format="csv", type="CSD"))} == {
        "CSD"
    }
    page = plain(past.text("/orders", status="canceled"))
    assert "Buy 5 XYZ" in page
    assert "Buy 100 XYZ" not in page


def test_a_filter_that_cannot_be_read_is_told_and_shows_no_rows(past: Past) -> None:
    for query, said in (
        ({"from": "yesterday"}, "Write a day as 2026-03-31."),
        ({"from": "2013-10-08", "to": "2013-10-07"}, "This day is before the first one."),
        ({"symbol": "a b"}, "A symbol has letters, digits, dots and dashes."),
        ({"status": "happy"}, "Choose one of the list."),
        ({"after": "nothing"}, "This is not a page of the list."),
    ):
        page = plain(past.text("/orders", **query))
        assert said in page
        assert "Buy 100 XYZ" not in page
        is_page = "after" in query
        assert past.get("/orders", format="csv", **query).status_code == (200 if is_page else 422)


def test_every_row_is_on_exactly_one_page_of_a_list(past: Past) -> None:
    asset = make_asset("MANY")
    for number in range(120):
        make_order(past.account, asset, client_order_id=f"many {number}", status="canceled")
    for sort in ("newest", "oldest"):
        seen: list[str] = []
        path, query = "/orders", f"?symbol=MANY&sort={sort}"
        while query:
            page = past.text(f"{path}{query}")
            seen += re.findall(r'class="title" href="[^"]*/orders/([0-9a-f-]{36})"', page)
            more = re.search(r'rel="next" href="([^"]+)"', page)
            query = more[1].replace("&amp;", "&") if more else ""
        assert len(seen) == len(set(seen)) == 120
    for page in ("/activities", "/trades"):
        assert 'rel="next"' not in past.text(page)


def test_a_file_has_all_rows_and_runs_nothing(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    make_order(
        past.account, make_asset("EVIL"), client_order_id='=HYPERLINK("http://evil","x")', status="canceled"
    )
    make_journal(past.account, amount="-5", note="@SUM(1+1)*cmd|' /C calc'!A0")
    (evil,) = sheet(past.get("/orders", format="csv", symbol="EVIL"))
    notes = {row["description"]: row["net_amount"] for row in sheet(past.get("/activities", format="csv"))}

    assert evil["client_order_id"] == '\'=HYPERLINK("http://evil","x")'
    assert notes["'@SUM(1+1)*cmd|' /C calc'!A0"] == "-5"  # a number is a number
    whole = len(sheet(past.get("/orders", format="csv")))
    monkeypatch.setattr(spreadsheet, "ROWS_MOST", whole - 2)
    assert len(sheet(past.get("/orders", format="csv"))) == whole - 2


def test_files_are_read_in_pieces_without_a_gap(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet.rows_of, "__kwdefaults__", {"at_once": 2})
    for page, name in (("/orders", "id"), ("/activities", "id")):
        ids = [row[name] for row in sheet(past.get(page, format="csv"))]
        assert len(ids) == len(set(ids)) > 5


def test_a_statement_adds_up_and_prints_what_was_held_at_its_end(past: Past) -> None:
    page = plain(past.text("/statements/2013-10"))

    assert "Statement of October 2013" in page
    assert "Opening equity 10,000.00" in page
    assert "Realized profit +8.00" in page
    # 50 shares at 10.02, at the bid or the last print of then.
    assert re.search(r"XYZ 50 10\.02", page)
    assert "Closed trades 2 " in page
    for month in ("2013-09", "2013-11", "2013-13", "never"):
        assert past.get(f"/statements/{month}").status_code == 404


def test_pages_of_a_new_account_say_that_there_is_nothing_yet(past: Past) -> None:
    account = make_account(past.browser.user, market=past.stage.market)
    said = [
        "No orders yet.",
        "Nothing has happened yet.",
        "No trade was closed yet.",
        "Positions at the end None.",
        "there is nothing to measure",
    ]
    for page, words in zip(PAGES, said, strict=True):
        answer = past.browser.get(f"/paper/{account.number}{page}")
        assert answer.status_code == 200
        assert words in plain(answer.content.decode())


def test_a_stranger_finds_nothing_by_anybody_s_number(past: Past) -> None:
    stranger = signed_in(make_user())
    own = make_account(stranger.user, market=past.stage.market)

    for page in (*PAGES, f"/orders/{past.orders['entry']}"):
        for query in ("", "?format=csv"):
            assert stranger.get(f"{past.path}{page}{query}").status_code == 404
        assert past.get(page).status_code == 200
    assert stranger.get(f"/paper/{own.number}/orders/{past.orders['entry']}").status_code == 404


def test_pages_ask_the_database_as_often_for_many_rows_as_for_few(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine what a process keeps would be old by the second time.
    monkeypatch.setattr(reference, "KEPT_S", 3600.0)
    reference.forget()
    past.stage.go(3002)
    pages = (*PAGES, f"/orders/{past.orders['partly']}", f"/orders/{past.orders['changed']}")
    few = {page: queries(past, page) for page in pages}
    for _ in range(4):
        past.market("sell", 80, type="limit", limit_price="10.00")
        past.market("buy", 80, type="limit", limit_price="10.02")

    assert {page: queries(past, page) for page in pages} == few
    assert max(few.values()) < 45
    assert len(sheet(past.get("/trades", format="csv"))) == 6


def test_a_reset_begins_the_lists_anew_and_an_earlier_generation_can_be_chosen(past: Past) -> None:
    lists = ("/orders", "/activities", "/trades")
    before = {page: sheet(past.get(page, format="csv")) for page in lists}
    past.begins_anew()

    assert "No orders yet" in past.text("/orders")
    assert "No trade was closed yet" in past.text("/trades")
    for page, rows in before.items():
        answer = past.get(page, format="csv", generation="1")
        assert answer.headers["Content-Disposition"].endswith('-generation-1.csv"')
        assert sheet(answer) == rows
        assert (
            sheet(past.get(page, format="csv")) == sheet(past.get(page, format="csv", generation="2")) == []
        )
        text = past.text(page, generation="1")
        assert "Generation 1 of this account, which a reset ended" in plain(text)
        assert [text.count(f'href="{past.path}{other}?generation=1"') for other in lists] == [
            1,
            1,
            1,
        ]  # the tabs stay in it
        assert "has had no such generation" in plain(past.text(page, generation="3"))
        assert past.get(page, format="csv", generation="3").status_code == 422
    for page in ("/statements/2013-10", "/performance"):
        assert "The account began anew on 2013-10-08, and these figures with it." in plain(past.text(page))


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_text_that_a_spreadsheet_would_run_is_told_as_a_text(first):
    assert spreadsheet.cell(f"{first}1+1") == f"'{first}1+1"
