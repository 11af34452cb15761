"""A paused tape and a matcher process that may die at any of its commits and is replaced by another."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import connection

from matching.market import rows
from matching.market.times import to_ns
from matching.models import Market
from tests.acceptance import rawtape
from tests.factories.calendar import store_season
from tests.trading.stage import Stage, at, make_stage
from trading.doorbells import ring_market
from trading.models import Asset
from trading.services.markets import activate_market

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.faults.children import Child, Nursery
    from tests.trading.stage import Line
    from trading.models import TradingAccount

IS_DECIDED = """select not exists (
    select from trading_order o where o.market_id = %(market)s and o.status in ('pending_new', 'pending_cancel'))
  and exists (select from matching_shard s where s.market_id = %(market)s and s.at >= %(at)s)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a script must know of its tape: a symbol, where it stands, and how much and fast it moves."""

    symbol: str
    middle: Decimal  # dollars
    step: Decimal  # dollars, between two prices that differ
    seconds: int  # between two wishes


@dataclass
class HauntedStage(Stage):
    """A stage whose matchers are real processes of the real command. A wish is decided before the next.

    With a `point`, each matcher kills itself at its `number`-th commit that carries anything.
    """

    ground: Ground = field(kw_only=True)
    nursery: Nursery = field(kw_only=True)
    point: str | None = field(default=None, kw_only=True)
    number: int = field(default=1, kw_only=True)
    deaths: int = 0
    _child: Child | None = None
    _at: int = 0
    _is_left_alone: bool = False

    def round(self) -> None:
        """Let matchers live and die until everything is decided up to the clock."""
        ring_market(self.market.pk)
        while not self._is_left_alone and not self._is_decided():
            if self._child is None or self._child.status is not None:
                self._bear()
            self.nursery.wait(self._is_decided_or_dead, "nobody decides")

    @property
    def present(self) -> Child:
        """The matcher that was born last."""
        assert self._child is not None
        return self._child

    def adopt(self, matcher: Child) -> None:
        """Let another matcher be the present one."""
        self._child = matcher

    @contextmanager
    def nobody_decides(self) -> Iterator[None]:
        """Ask for things while the block lasts without a wait for their decision."""
        self._is_left_alone = True
        try:
            yield
        finally:
            self._is_left_alone = False

    def close(self) -> None:
        """End the last matcher, which has nothing left to do."""
        super().close()
        self.nursery.end_all()

    def advance_clock(self, second: float) -> None:
        super().advance_clock(second)
        self._at = to_ns(at(second))

    def ask(self, account: TradingAccount, *legs: dict[str, Any], **terms: Any) -> Any:
        asset = Asset.objects.get(symbol=self.ground.symbol)
        marks = {str(asset.pk): str(self.ground.middle)}
        told = super().ask(account, *legs, **{"symbol": asset.symbol, "marks": marks, **terms})
        self.round()
        return told

    def ask_to_cancel(self, account: TradingAccount, order_id: Any) -> Any:
        told = super().ask_to_cancel(account, order_id)
        self.round()
        return told

    def ask_to_replace(self, account: TradingAccount, order_id: Any, **changes: Any) -> Any:
        told = super().ask_to_replace(account, order_id, **changes)
        self.round()
        return told

    def _bear(self) -> None:
        if self._child is not None:
            assert self._child.status == -9, f"a matcher ended by itself: {self._child.said}"
            self.deaths += 1
        self._child = self.nursery.bear("matcher", self.point, self.number)

    def _is_decided_or_dead(self) -> bool:
        return self._child is None or self._child.status is not None or self._is_decided()

    def _is_decided(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(IS_DECIDED, {"market": self.market.pk, "at": self._at})
            return bool(cursor.fetchone()[0])


def written_stage(folder: Path, tape: Sequence[Line], nursery: Nursery, **options: Any) -> HauntedStage:
    """Return a stage on a tape that the test wrote, around 10 dollars."""
    plain = make_stage(folder, tape)
    ground = Ground(symbol="XYZ", middle=Decimal(10), step=Decimal("0.05"), seconds=1)
    return HauntedStage(plain.market, plain.market_state, ground=ground, nursery=nursery, **options)


def recorded_stage(nursery: Nursery, **options: Any) -> HauntedStage:
    """Return a stage on the recorded day of IBM, before its open at 181.80 dollars."""
    store_season()
    market = activate_market(
        feed="replay", tape=str(rawtape.folder()), date="2013-10-08", symbols=[rawtape.SYMBOL], paused=True
    )
    Market.objects.filter(pk=market.pk).update(name=f"played {market.pk}")  # the next stage has another
    ground = Ground(symbol=rawtape.SYMBOL, middle=Decimal("181.80"), step=Decimal("0.03"), seconds=30)
    return HauntedStage(market, rows.market_state(market.pk), ground=ground, nursery=nursery, **options)
