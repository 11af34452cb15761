"""Several markets at once: opened beside each other, closed, one of them the default, divided among matchers."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AuditEntry
from matching.market import keys, locks, rows
from matching.market.errors import FeedUnavailable
from matching.market.plain_csv import HEADER
from matching.models import Market, Shard
from tests.factories.calendar import store_season
from tests.factories.rows import make_account, make_asset, make_market, make_order
from trading.errors import RuleBroken, ValueInvalid
from trading.models import Order, TradingAccount
from trading.services.markets import MarketNotChosen, activate_market, market_time
from trading.services.running_markets import close_market, make_default, market_named, set_shard_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

pytestmark = pytest.mark.django_db

DAY = "2013-10-08"
DECIDED = 1_381_240_800_000_000_000  # 14:00 of that day


@pytest.fixture(autouse=True)
def _a_season() -> None:
    store_season()


@pytest.fixture
def tape(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "tape" / "XYZ"
    folder.mkdir(parents=True)
    row = f"{DAY}T13:30:00.000Z,quote,10.00,300,10.02,200,,,"
    (folder / f"{DAY}.csv").write_text("\n".join([",".join(HEADER), row]) + "\n")
    return {"feed": "replay", "tape": str(tmp_path / "tape"), "date": DAY}


def told() -> list[str]:
    return list(AuditEntry.objects.filter(action__startswith="market.").values_list("action", flat=True))


def now_of(market: Market) -> Market:
    return Market.objects.get(pk=market.pk)


def places(market: Market) -> list[tuple[int, int, int, int]]:
    return list(
        Shard.objects.filter(market=market).order_by("number").values_list("number", "run", "seq", "at")
    )


# --- Opening --------------------------------------------------------------------------------------


def test_a_market_is_opened_beside_the_default_one_and_once_only(tape: dict[str, Any]) -> None:
    first = activate_market(feed="synthetic", symbols=["IBM"])
    beside = activate_market(**tape, beside=True, paused=True, shards=2)
    before = now_of(beside)
    again = activate_market(**tape, beside=True, paused=True, shards=2)

    assert rows.active_market_ids() == [first.pk, beside.pk]
    assert rows.default_market_id() == first.pk
    assert (again, vars(now_of(beside)) | {"_state": 0}) == (beside, vars(before) | {"_state": 0})
    assert before.shard_count == 2
    assert told() == ["market.activated", "market.activated", "market.divided"]


def test_one_that_replaces_takes_the_place_of_the_default_one_and_of_no_other(tape: dict[str, Any]) -> None:
    first = activate_market(feed="synthetic", symbols=["IBM"])
    beside = activate_market(feed="synthetic", symbols=["SPY"], beside=True)
    replacing = activate_market(**tape, paused=True)

    assert rows.active_market_ids() == [replacing.pk, beside.pk]
    assert not now_of(first).is_active
    assert activate_market(feed="synthetic", symbols=["SPY"]) == beside  # from beside to the only one
    assert rows.active_market_ids() == [beside.pk]
    assert activate_market() == beside


def test_the_clock_of_a_tape_that_is_run_is_not_moved_by_opening_it_again(tape: dict[str, Any]) -> None:
    activate_market(**tape, beside=True, paused=True, speed="2")

    for other in ({"speed": "3"}, {"paused": False}):
        with pytest.raises(MarketNotChosen, match="is run already: move its clock with `tape --market"):
            activate_market(**tape, beside=True, **other)


# --- Closing and the default ----------------------------------------------------------------------


def test_a_closed_market_waits_with_all_that_is_in_it_until_it_is_opened_again(tape: dict[str, Any]) -> None:
    market = activate_market(**tape)  # it plays
    account = make_account(market=market)
    Shard.objects.create(market=market, run=1, at=DECIDED)
    order = make_order(account, make_asset("XYZ_"), status="new")

    closed = close_market(market.pk)
    before = now_of(market)
    assert (closed.accounts, closed.orders) == (1, 1)
    assert (before.is_active, before.paused) == (False, True)
    assert close_market(market.pk).orders == 1
    assert (now_of(market).version, told()) == (before.version, ["market.activated", "market.closed"])
    assert Order.objects.get(pk=order.pk).status == "new"
    with pytest.raises(FeedUnavailable, match="no active market"):
        rows.default_market_id()

    opened = activate_market(market=now_of(market), beside=True, paused=False)
    assert (opened.is_active, opened.is_default, opened.paused) == (True, True, False)
    assert opened.anchor_at.timestamp() * 10**9 == DECIDED


def test_a_tape_that_another_replaced_while_it_played_stands_where_its_decisions_ended(
    tape: dict[str, Any],
) -> None:
    market = activate_market(**tape)  # it plays
    Shard.objects.create(market=market, run=1, at=DECIDED)
    assert market_time(now_of(market)).timestamp() * 10**9 != DECIDED  # the clock's, which has played on

    activate_market(feed="synthetic", symbols=["IBM"])

    assert market_time(now_of(market)).timestamp() * 10**9 == DECIDED


def test_a_tape_at_full_speed_has_come_as_far_as_its_last_shard_which_may_not_have_begun(
    tape: dict[str, Any],
) -> None:
    market = activate_market(**tape, speed="max", shards=2)
    Shard.objects.create(market=market, run=1, at=DECIDED)
    assert market_time(market) == market.anchor_at

    Shard.objects.create(market=market, number=1, run=1, at=DECIDED + 10**9)

    assert market_time(market).timestamp() * 10**9 == DECIDED


def test_while_the_default_market_is_closed_the_oldest_other_one_stands_in_for_it() -> None:
    first, second, third = (make_market(is_active=True) for _ in range(3))
    make_default(third.pk)
    assert rows.active_market_ids() == [third.pk, first.pk, second.pk]

    close_market(third.pk)
    assert rows.default_market_id() == first.pk
    with pytest.raises(RuleBroken, match="is closed: open it first"):
        make_default(third.pk)
    Market.objects.filter(pk=third.pk).update(is_active=True)
    assert rows.default_market_id() == third.pk

    make_default(second.pk)
    make_default(second.pk)
    assert rows.default_market_id() == second.pk
    assert told() == ["market.made_default", "market.closed", "market.made_default"]


def test_what_chooses_no_market_opens_the_default_one_at_most_and_makes_no_other_one_the_default() -> None:
    first, second = (
        activate_market(feed="synthetic", symbols=[name], beside=True) for name in ("IBM", "SPY")
    )

    close_market(first.pk)
    assert activate_market() == second  # say because `up` was started again
    close_market(second.pk)
    assert (activate_market(), Market.objects.count()) == (first, 2)
    assert rows.active_market_ids() == [first.pk]
    close_market(first.pk)
    activate_market(market=now_of(second), beside=True)
    activate_market(market=now_of(first), beside=True)
    assert rows.active_market_ids() == [first.pk, second.pk]
    assert "market.made_default" not in told()


def test_a_market_is_found_by_its_name_or_its_number_and_nothing_else() -> None:
    market = make_market(name="monday")

    assert market_named("monday") == market_named(str(market.pk)) == market
    with pytest.raises(ValueInvalid, match="market 'mond' is not one of monday"):
        market_named("mond")


# --- Shards ---------------------------------------------------------------------------------------


@pytest.fixture
def matcher() -> Iterator[Any]:
    """Return a session such as a matcher's, which holds the locks of its shards."""
    login = {**settings.DATABASE_SERVER.login(connection.settings_dict["USER"])}
    with psycopg.connect(**{**login, "dbname": connection.settings_dict["NAME"]}, autocommit=True) as session:
        yield session


def test_while_a_matcher_has_any_shard_their_number_stays_and_then_no_matcher_gets_one(matcher: Any) -> None:
    market = make_market(feed="synthetic")
    held = list(locks.shard_lock(market.pk, 1))
    matcher.execute("select pg_advisory_lock(%s, %s)", held)

    with pytest.raises(RuleBroken, match=f"shard {market.pk}/1 has a living matcher"):
        set_shard_count(market.pk, 2)
    assert (now_of(market).shard_count, told()) == (1, [])

    matcher.execute("select pg_advisory_unlock(%s, %s)", held)
    assert set_shard_count(market.pk, 2).shard_count == 2
    # The test's own transaction, which is that of the change, has not ended: nobody may begin yet.
    assert matcher.execute("select pg_try_advisory_lock(%s, %s)", held).fetchone() == (False,)


@pytest.mark.parametrize(
    ("feed", "before", "count", "after"),
    [
        ("synthetic", [(0, 1, 70, 700)], 3, [(0, 1, 70, 700), (1, 1, 70, 700), (2, 1, 70, 700)]),
        (
            "alpaca",
            [(0, 1, 70, 700), (1, 1, 90, 900), (2, 1, 80, 800)],
            2,
            [(0, 1, 90, 900), (1, 1, 90, 900)],
        ),
        ("synthetic", [(0, 1, 70, 700), (1, 0, 99, 999)], 1, [(0, 1, 70, 700)]),
        ("replay", [(0, 2, 70, 700)], 2, [(0, 2, 70, 700), (1, 2, 70, 700)]),
        ("replay", [(0, 2, 70, 700), (1, 2, 70, 700)], 1, [(0, 2, 70, 700)]),
        ("synthetic", [], 2, []),
    ],
    ids=["more", "fewer, not level", "one of an earlier run", "a tape, more", "a tape, fewer", "never run"],
)
def test_every_shard_goes_on_where_all_of_them_have_come_to(
    feed: str, before: list[tuple[int, ...]], count: int, after: list[tuple[int, ...]]
) -> None:
    market = make_market(feed=feed, shard_count=max(1, len(before)))
    Shard.objects.filter(market=market).delete()
    for number, run, seq, at in before:
        Shard.objects.create(market=market, number=number, run=run, seq=seq, at=at)

    set_shard_count(market.pk, count)
    set_shard_count(market.pk, count)

    assert (places(market), now_of(market).shard_count) == (after, count)
    assert told() == ["market.divided"]


def test_the_shards_of_a_tape_must_have_come_to_one_place_first() -> None:
    market = make_market(feed="replay", shard_count=2)
    Shard.objects.filter(market=market).update(seq=70, at=700)
    Shard.objects.create(market=market, number=1, run=1, seq=60, at=600)
    before = places(market)

    with pytest.raises(RuleBroken, match="stand at different places: pause it"):
        set_shard_count(market.pk, 1)
    for count in (0, 65):
        with pytest.raises(ValueInvalid, match=f"{count} is not a number of shards"):
            set_shard_count(market.pk, count)

    assert (places(market), now_of(market).shard_count) == (before, 2)


def test_who_changes_which_markets_are_run_waits_for_whoever_does_so_already(matcher: Any) -> None:
    activate_market(feed="synthetic", symbols=["IBM"], beside=True)

    # The test's own transaction, which is that of the change, has not ended.
    other = matcher.execute("select pg_try_advisory_lock(%s, %s)", list(locks.markets_lock()))
    assert other.fetchone() == (False,)


# --- The command: its effects, trials and repetitions are in tests/commands/rows.py ---------------


def market_command(*words: str) -> Any:
    out = StringIO()
    call_command("market", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_list_says_which_markets_are_run_and_which_of_their_processes_live(valkey: redis.Redis) -> None:
    first, second = (
        make_market(name="live", is_active=True),
        make_market(name="tuesday", feed="synthetic", shard_count=2),
    )
    assert [each["open"] for each in market_command("list")] == [True, False]
    market_command("open", "tuesday")
    valkey.set(keys.heartbeat(first.pk), b"{}")
    Shard.objects.filter(market=first).update(updated_at="2013-10-08T12:00:00Z")

    assert market_command("list") == [
        {
            "number": first.pk, "name": "live", "title": "live", "feed": "replay", "open": True, "default": True, "shards": 1,
            "hub": True, "matchers": 0,
        },
        {
            "number": second.pk, "name": "tuesday", "title": "tuesday", "feed": "synthetic", "open": True,
            "default": False, "shards": 2, "hub": False, "matchers": 1,
        },
    ]  # fmt: skip
    out = StringIO()
    call_command("market", "list", stdout=out)
    assert "tuesday: open, its hub is silent, 1 of 2 matchers live" in out.getvalue()


def test_a_stored_market_is_not_described_anew(tape: dict[str, Any]) -> None:
    make_market(name="tuesday", feed="synthetic", is_active=False)

    with pytest.raises(CommandError, match="give its name alone, or describe a new one"):
        market_command("open", "tuesday", "--symbols", "IBM")
    with pytest.raises(CommandError, match="market 'wednesday' is not one of tuesday"):
        market_command("open", "wednesday")
    assert market_command("open", "tuesday", "--dry-run")["open"] is True
    assert not Market.objects.filter(is_active=True).exists()


def test_commands_are_about_the_default_market_or_the_one_that_is_named() -> None:
    first, second = make_market(name="live", is_active=True), make_market(name="tuesday", is_active=True)
    gone = make_market(name="monday", is_active=False)
    Market.objects.update(starts_at=first.anchor_at, ends_at=first.anchor_at + timedelta(days=3))
    Market.objects.filter(pk=second.pk).update(anchor_at=first.anchor_at + timedelta(days=1))

    def said(*words: str) -> Any:
        out = StringIO()
        call_command(*words, "--json", stdout=out)
        return json.loads(out.getvalue())

    assert said("tape", "status")["market"] == "live"
    assert said("tape", "play", "--market", "tuesday")["paused"] is False
    assert said("tape", "--market", str(second.pk), "status")["paused"] is False
    assert now_of(first).paused
    words = ("create_account", "--email", "ann@example.com")
    assert said(*words)["market"] == "live"
    assert said(*words, "--market", str(second.pk))["market"] == "tuesday"
    assert TradingAccount.objects.filter(market=second).count() == 1
    with pytest.raises(CommandError, match="market monday is closed"):
        said(*words, "--market", gone.name)
    days = [said("snapshot", *of, "--dry-run")["date"] for of in ((), ("--market", "tuesday"))]
    assert days == ["2013-10-07", "2013-10-08"]
