"""The same day against a PostgreSQL and a Valkey that somebody else started, chosen by environment alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance import rawtape
from tests.acceptance.agreement import play, require_agreement
from tests.acceptance.bot import Bot
from tests.acceptance.conftest import ON_TAPE
from tests.acceptance.expectation import fingerprint
from tests.acceptance.script import DAY
from tests.acceptance.servers import separate_servers
from tests.acceptance.test_recorded_day import GOLDEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.expectation import Expectation
    from tests.acceptance.house import House


def test_the_day_is_the_same_on_separately_started_servers(
    place: Path, expectation: Expectation, open_house: Callable[..., AbstractContextManager[House]]
) -> None:
    on_tape = (*ON_TAPE, "--tape", str(rawtape.folder()))

    with separate_servers(place) as servers, open_house(*on_tape, environment=servers) as house:
        with Bot(house.demo, "elsewhere") as bot:
            played = play(bot, expectation, DAY)

        require_agreement(played, expectation, lambda: house.manage("verify_ledger"))
        assert fingerprint(played.fills) == GOLDEN
        # It started none of its own.
        assert house.children("postgres") == house.children("valkey") == []
        assert not (house.folder / "postgres").exists()
