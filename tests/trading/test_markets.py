"""Choosing a market: what is not said stays as it was."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.management import call_command

from matching.market.plain_csv import HEADER
from matching.models import Market, Shard
from raxx.folder import DataFolder
from raxx.management.commands import up
from tests.factories.calendar import store_season
from trading.services.markets import MarketNotChosen, activate_market, market_time

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db

DAY = "2013-10-08"
OPEN = "2013-10-08T13:30:00+00:00"
DECIDED = 1_381_240_800_000_000_000  # 14:00 of that day


@pytest.fixture
def tape(tmp_path: Path) -> dict[str, Any]:
    # The whole calendar takes seconds to compute: a season is enough, and is found to be there.
    store_season()
    folder = tmp_path / "tape" / "XYZ"
    folder.mkdir(parents=True)
    row = f"{DAY}T13:30:00.000Z,quote,10.00,300,10.02,200,,,"
    (folder / f"{DAY}.csv").write_text("\n".join([",".join(HEADER), row]) + "\n")
    return {"feed": "replay", "tape": str(tmp_path / "tape"), "date": DAY}


def clock_of(market: Market) -> tuple[bool, Decimal | None]:
    stored = Market.objects.get(pk=market.pk)
    return stored.paused, stored.speed


def test_a_new_tape_plays_unless_told_and_begins_at_the_open(tape: dict[str, Any]) -> None:
    market = activate_market(**tape)

    assert clock_of(market) == (False, Decimal(1))
    assert market.anchor_at.isoformat() == OPEN


def test_a_paused_tape_stays_paused_where_it_is_and_as_fast(tape: dict[str, Any]) -> None:
    market = activate_market(**tape, paused=True, speed="60")
    Shard.objects.create(market=market, run=1, at=DECIDED)

    for options in ({}, tape):
        assert activate_market(**options) == market
        assert clock_of(market) == (True, Decimal(60))
    assert market_time(market).timestamp() * 10**9 == DECIDED


@pytest.mark.parametrize(
    ("options", "clock"),
    [
        ({"paused": False}, (False, Decimal(60))),
        ({"paused": True}, (True, Decimal(60))),
        ({"speed": "max"}, (True, None)),
        ({"speed": "max", "paused": False}, (False, None)),
    ],
)
def test_what_is_said_changes_and_nothing_else(
    tape: dict[str, Any], options: dict[str, Any], clock: tuple[bool, Decimal | None]
) -> None:
    market = activate_market(**tape, paused=True, speed="60")

    activate_market(**options)

    assert clock_of(market) == clock


@pytest.mark.parametrize(
    ("words", "paused"),
    [(["--paused"], True), (["--no-paused"], False), ([], True)],
)
def test_seed_hands_on_what_was_said_of_the_pause(
    tape: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], paused: bool
) -> None:
    monkeypatch.setattr(settings, "DATA_FOLDER", DataFolder(tmp_path / "data"))
    market = activate_market(**tape, paused=True)

    call_command("seed", *words, verbosity=0)

    assert clock_of(market)[0] is paused


def test_up_says_nothing_of_the_pause_unless_told() -> None:
    parser = up.Command().create_parser("manage.py", "up")

    said = [parser.parse_args(words).paused for words in ([], ["--paused"], ["--no-paused"])]

    assert said == [None, True, False]


@pytest.mark.parametrize("name", ["A B", "A_B", "-", "A/", "Ä", "X" * 33], ids=str)
@pytest.mark.parametrize("feed", ["synthetic", "alpaca"])
def test_what_can_be_no_symbol_opens_no_market(tape: dict[str, Any], feed: str, name: str) -> None:
    assert tape  # the calendars are there
    with pytest.raises(MarketNotChosen, match="is no symbol"):
        activate_market(feed=feed, symbols=["SPY", name])
    assert not Market.objects.exists()
