"""The hand on a tape's clock, by a real browser; hub and matcher are played by the test."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from matching.market import keys
from matching.market.times import new_york, rfc3339, to_datetime, to_ns
from matching.models import Market, Shard
from tests.browser.looking import look_at
from tests.factories.calendar import store_season
from tests.factories.people import make_session
from tests.factories.rows import make_account, make_market, make_user

if TYPE_CHECKING:
    import redis

    from tests.browser.visitor import Visitor

DAY = date(2013, 10, 8)


def come_along(market: Market, valkey: redis.Redis, *, run: int = 1) -> None:
    """Let hub and matcher come to where the clock stands, and tell of it."""
    market.refresh_from_db()
    at = to_ns(market.anchor_at)
    Shard.objects.filter(market=market).update(run=run, at=at)
    valkey.set(keys.published(market.pk), json.dumps({"run": run, "seq": 7, "at": at}))
    valkey.publish(keys.progress(market.pk), b"")


class Machine:
    """A paused tape at eight in the morning, and one of the staff before its page."""

    def __init__(self, visitor: Visitor, valkey: redis.Redis) -> None:
        store_season()
        self.market = make_market(
            starts_at=to_datetime(new_york(DAY, 4)),
            ends_at=to_datetime(new_york(DAY, 20)),
            anchor_at=to_datetime(new_york(DAY, 8)),
            speed=60,
            config={"folder": "x", "dates": [str(DAY)], "symbols": ["IBM"]},
        )
        self.visitor, self.page, self._valkey = visitor, visitor.page, valkey
        person = make_user(is_staff=True)
        account = make_account(person, market=self.market)
        come_along(self.market, valkey)
        visitor._context.add_cookies(
            [{"name": "raxx_session", "value": make_session(person), "url": visitor.site.url}]
        )
        visitor.open(f"/paper/{account.number}/market")
        self.clock = self.page.locator("[data-tape-clock]")

    def moves(self, name: str, verb: str, *, run: int = 1) -> None:
        """Press a button, wait until the clock was moved, and let the market come along."""
        before = Market.objects.get().version
        with self.page.expect_response(f"**/raxx/v1/market/tape/{verb}"):
            self.visitor.press(name)
            while Market.objects.get().version == before:
                self.page.wait_for_timeout(20)
            come_along(self.market, self._valkey, run=run)


@pytest.fixture
def machine(visitor: Visitor, valkey: redis.Redis) -> Machine:
    return Machine(visitor, valkey)


def test_staff_move_a_paused_tape_to_where_they_want(machine: Machine) -> None:
    visitor, page, clock = machine.visitor, machine.page, machine.clock
    expect(clock).to_contain_text("2013-10-08 08:00:00")
    assert look_at(page, "time-machine") == []

    machine.moves("1 minute", "advance")
    visitor.sees("The market now stands at 2013-10-08 08:01:00, New York.")
    expect(clock).to_contain_text("2013-10-08 08:01:00")
    expect(page.get_by_role("button", name="1 minute")).to_be_focused()
    machine.moves("to the next open", "advance")
    expect(clock).to_contain_text("2013-10-08 09:30:00")

    page.get_by_label("Time of day").fill("09:00:00")
    visitor.press("Go there")
    expect(page.get_by_role("alert")).to_contain_text("is before the market's time")
    page.get_by_label("Time of day").fill("12:30:15")
    machine.moves("Go there", "advance")
    expect(clock).to_contain_text("2013-10-08 12:30:15")
    assert rfc3339(to_ns(Market.objects.get().anchor_at)) == "2013-10-08T16:30:15Z"


def test_staff_play_and_pause_set_the_speed_and_begin_again(machine: Machine) -> None:
    visitor, page = machine.visitor, machine.page

    page.get_by_label("Speed").select_option("max")
    visitor.press("Set")
    visitor.sees("as fast as it can be decided")
    assert Market.objects.get().speed is None
    page.get_by_label("Speed").select_option("5")
    visitor.press("Set")
    visitor.sees("at 5 times the speed of the wall clock")
    visitor.press("Play")
    visitor.sees("Pause the tape first")
    expect(page.get_by_role("button", name="5 minutes")).to_be_disabled()
    assert not Market.objects.get().paused
    visitor.press("Pause")
    expect(page.get_by_role("button", name="5 minutes")).to_be_enabled()
    assert Market.objects.get().paused

    visitor.press("Begin again …")
    assert look_at(page, "time-machine-restart") == []
    visitor.press("Cancel")
    assert Market.objects.get().run == 1
    visitor.press("Begin again …")
    machine.moves("Begin again", "restart", run=2)
    visitor.sees("The tape has begun run 2.")
    expect(machine.clock).to_contain_text("2013-10-08 04:00:00")
