"""The page of one order: its words, its life, its fills with what made them, its class and its changes."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from tests.trading.dashboard.desk_history import Past, make_past
from tests.trading.dashboard.test_history_pages import plain
from trading.dashboard import order as order_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    past = make_past(tmp_path)
    yield past
    past.stage.close()


def said(past: Past, name: str, **query: str) -> str:
    return html.unescape(plain(past.text(f"/orders/{past.orders[name]}", **query)))


def test_an_order_tells_its_life_and_the_quote_that_filled_it(past: Past) -> None:
    page = said(past, "entry")

    assert "Buy 100 XYZ" in page
    assert "Market, day" in page
    assert re.search(r"Received .* In the market .* Filled 2013-10-08 09:30:02", page)
    assert "Bought 100 at 10.02: the ask stood at 10.02 with 900 shown" in page  # the engine's explanation
    assert "Quote 10.00 \N{MULTIPLICATION SIGN} 900 / 10.02 \N{MULTIPLICATION SIGN} 900" in page
    assert "L2 An order that is marketable takes at the touch" in page  # the rule behind it
    assert "Change or cancel" not in page


def test_an_open_order_says_what_it_waits_for_and_may_be_changed(past: Past) -> None:
    answer = past.text(f"/orders/{past.orders['partly']}")
    page = html.unescape(plain(answer))

    assert "Bought 50 of 80 at 10.02 so far" in page
    assert "50 of 80 filled" in page
    assert re.search(r"Now .*10\.02", page)
    assert "Change or cancel" in page
    assert re.findall(r'name="(qty|limit_price|stop_price|trail)"', answer) == ["qty", "limit_price"]
    past.stage.go(3001)
    part = past.text(f"/orders/{past.orders['partly']}", part="order_story")  # what the script reloads
    assert "<html" not in part
    assert "data-changeable" not in part
    assert "Bought 80 at 10.02 on average, in 2 fills" in html.unescape(part)


def test_a_changed_order_leads_along_its_chain_and_a_class_to_its_legs(past: Past) -> None:
    first, second = past.orders["waits"], past.orders["changed"]
    for name in ("waits", "changed"):
        answer = past.text(f"/orders/{past.orders[name]}")
        chain = answer[answer.index("chain-title") :]
        other = second if name == "waits" else first
        assert f"/orders/{other}" in chain
        assert re.search(r"9\.50.*9\.60", plain("<main" + chain))  # from the first to the last

    legs = past.text(f"/orders/{past.orders['bracket']}")
    assert all(f"/orders/{past.orders[name]}" in legs for name in ("profit", "loss"))
    assert "Stop-loss: Stop 9.40" in plain(legs)
    leg = past.text(f"/orders/{past.orders['loss']}")
    assert f"/orders/{past.orders['bracket']}" in leg
    assert "It is held until its entry" in plain(leg)


def test_a_long_story_is_shown_with_its_ends(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_page, "STEPS_FIRST", 1)
    monkeypatch.setattr(order_page, "STEPS_LAST", 1)
    page = said(past, "canceled")

    assert "Received" in page
    assert re.search(r"\d steps? (is|are) left out here", page)
    assert "Canceled, as its owner asked" in page
    assert "New in the market" not in page


def test_an_unknown_order_or_part_is_not_found(past: Past) -> None:
    assert past.get("/orders/00000000-0000-7000-8000-000000000000").status_code == 404
    assert past.get(f"/orders/{past.orders['entry']}", part="settings").status_code == 404
