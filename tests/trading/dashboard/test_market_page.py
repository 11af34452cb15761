"""The market's page: a tape's clock for those who may move it, state and reasons for all others."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from matching.market.times import new_york, to_datetime
from matching.models import Market
from tests.factories.calendar import store_season
from tests.factories.people import signed_in
from tests.factories.rows import make_account, make_market, make_user
from trading import reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.factories.people import Browser

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2013, 10, 8)


@pytest.fixture(autouse=True)
def _calendar() -> Iterator[None]:
    reference.forget()
    store_season()
    yield
    reference.forget()


def tape_at(hour: int, minute: int = 0, **fields: Any) -> Market:
    return make_market(
        starts_at=to_datetime(new_york(DAY, 4)),
        ends_at=to_datetime(new_york(DAY, 20)),
        anchor_at=to_datetime(new_york(DAY, hour, minute)),
        config={"folder": "x", "dates": ["2013-10-08"], "symbols": ["IBM", "SPY"]},
        **fields,
    )


def page_for(market: Market, part: str = "", *, is_staff: bool = False) -> str:
    browser: Browser = signed_in(make_user(is_staff=is_staff))
    account = make_account(browser.user, market=market)
    answer = browser.get(f"/paper/{account.number}/market{part}")
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def test_staff_have_the_hand_on_the_clock_and_others_are_told_who_has() -> None:
    market = tape_at(8)

    staff, person = (page_for(market, "?part=tape", is_staff=is_staff) for is_staff in (True, False))

    assert re.findall(r'data-tape="(\w+)"', staff) == ["play", "restart"]
    assert re.findall(r'data-step="(\d+)"', staff) == ["60", "300"]
    assert re.findall(r'<option value="([\w.]+)"', staff) == ["1", "5", "10", "60", "300", "max"]
    assert "data-tape=" not in person
    assert "<form" not in person
    assert "Only the staff of this installation moves the clock" in person
    for page in (staff, person):
        assert "2013-10-08 08:00:00" in page
        assert f'max="{16 * 3600}" value="{4 * 3600}"' in page


def test_where_it_may_go_is_the_tape_s_own_open_and_close() -> None:
    page = page_for(tape_at(8), "?part=tape", is_staff=True)

    assert re.findall(r'data-to="([^"]*)"', page) == ["2013-10-08T13:30:00Z", "2013-10-08T20:00:00Z"]
    assert 'name="day" value="2013-10-08T04:00:00Z"' in page  # New York's midnight


def test_beyond_the_last_close_there_is_nowhere_to_go_but_the_time_itself() -> None:
    page = page_for(tape_at(17), "?part=tape", is_staff=True)

    assert len(re.findall(r'data-to="" disabled', page)) == 2
    assert 'id="tape-time"' in page


def test_a_tape_that_plays_must_be_paused_first_and_one_at_its_end_begun_again() -> None:
    playing = page_for(tape_at(8, paused=False), "?part=tape", is_staff=True)
    Market.objects.update(is_active=False)
    over = page_for(tape_at(20), "?part=tape", is_staff=True)

    assert re.findall(r'data-tape="(\w+)"', playing) == ["pause", "restart"]
    assert '<fieldset class="steps" disabled>' in playing
    assert "Pause the tape first" in playing
    assert "at its end" in over
    assert 'data-tape="play" disabled' in over


def test_a_market_that_nobody_runs_cannot_be_moved_by_staff_either() -> None:
    page = page_for(tape_at(8, is_active=False), is_staff=True)

    assert "Nobody runs this market" in page
    assert "data-tape=" not in page


@pytest.mark.parametrize(
    ("feed", "why"),
    [
        (Market.FeedKind.SYNTHETIC, "This market is computed"),
        (Market.FeedKind.ALPACA, "This market is a live one"),
    ],
    ids=["synthetic", "alpaca"],
)
def test_a_market_that_goes_on_by_itself_says_why_there_is_nothing_to_control(feed: str, why: str) -> None:
    from datetime import UTC, datetime, timedelta

    today = datetime.now(UTC).date()
    store_season((today - timedelta(days=3), today + timedelta(days=14)))
    page = page_for(make_market(feed=feed, config={"symbols": ["IBM"]}), is_staff=True)

    assert why in page
    assert "market.js" not in page
    assert 'class="card tape"' not in page
