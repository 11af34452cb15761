"""Which thread a page's prices are read in: what has to be looked up in a past keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import Tier
from trading.marketdata import entitlement
from trading.stream.desk import boards
from trading.stream.desk.looks import Look, MarketState
from trading.stream.tasks import end

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOKS = 3


class Page:
    symbols: frozenset[str] = frozenset({"IBM"})

    def show(self, prices: Mapping[str, bytes], market: MarketState | None) -> None:
        """Be shown what the test does not ask about."""


class Thread:
    """In the place of a `Past`: it notes that it was asked, and says when all together were often enough."""

    def __init__(self, name: str, asked: list[str], enough: asyncio.Event, *, is_tape: bool) -> None:
        self._name, self._asked, self._enough, self._is_tape = name, asked, enough, is_tape

    async def ask(self, *_: Any) -> Look:
        self._asked.append(self._name)
        if len(self._asked) == LOOKS:
            self._enough.set()
        market = MarketState(
            at=0, session="regular", is_open=True, is_tape=self._is_tape, is_paused=False, speed=""
        )
        return Look(market, {})


@pytest.mark.parametrize(
    ("tier", "is_tape", "threads"),
    [
        pytest.param(Tier.PRO, False, ["past", "present", "present"], id="what is published"),
        pytest.param(Tier.PRO, True, ["past"] * LOOKS, id="a tape"),
        pytest.param(Tier.FREE, False, ["past"] * LOOKS, id="late"),
    ],
)
def test_what_is_looked_up_in_a_past_is_read_beside_what_is_published(
    monkeypatch: pytest.MonkeyPatch, tier: Tier, threads: list[str], *, is_tape: bool
) -> None:
    monkeypatch.setattr(boards, "LOOK_S", 0)
    monkeypatch.setattr(boards, "DELAYED_LOOK_S", 0)

    async def looks() -> list[str]:
        asked: list[str] = []
        enough = asyncio.Event()
        present, past = (Thread(name, asked, enough, is_tape=is_tape) for name in ("present", "past"))
        board = boards.Board(present, past, 1, entitlement.of_tier(tier))  # type: ignore[arg-type] # stand-ins
        board.join(Page())
        await enough.wait()
        assert board.task is not None
        await end([board.task])
        return asked[:LOOKS]

    assert asyncio.run(looks()) == threads
