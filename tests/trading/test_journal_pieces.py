"""A large batch is written in pieces, and is still one commit: all of it, in its order, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, strategies as st

from matching.engine.types import Decision, Event, Rule, Side, WatermarkMove
from matching.models import Shard
from matching.ports import Batch, Poisoned, Progress
from tests.trading.stage import holdings, make_stage, quote, stored, story, trade
from trading.adapters import journal_pieces
from trading.adapters.journal_pieces import Stored, pieces_of
from trading.ledger_audit import audit_ledger
from trading.models import Fill, Order, OrderEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.trading.stage import Stage

MOVE = WatermarkMove(symbol="XYZ", side=Side.SELL, seq=5, price=7)


@given(owners=st.lists(st.integers(0, 4), min_size=1, max_size=30), size=st.integers(1, 12))
def test_pieces_are_whole_accounts_in_the_order_of_their_ids_and_make_up_the_batch(
    owners: list[int], size: int
) -> None:
    rows = [
        SimpleNamespace(id=UUID(int=100 + n), account_id=UUID(int=owner)) for n, owner in enumerate(owners)
    ]
    stored = Stored()
    stored.add(rows)
    decisions = [
        Decision(order_id=row.id, symbol="XYZ", event=Event.NEW, rule=Rule.COMMAND, seq=1, at=1)
        for row in rows
    ]
    batch = Batch(
        progress=Progress(run=1, seq=1, at=1),
        decisions=decisions,
        stamps={row.id: 1 for row in rows},
        queues={rows[0].id: 3},
        watermarks=[MOVE],
    )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_pieces, "PIECE", size)
        pieces = list(pieces_of(batch, stored))

    accounts = [sorted(part.rows) for _, part in pieces]
    assert [account for members in accounts for account in members] == sorted(stored.rows)
    assert all(len(piece.decisions) >= size for piece, _ in pieces[:-1])
    for piece, part in pieces:
        mine = {row.id for found in part.rows.values() for row in found}
        assert {decision.order_id for decision in piece.decisions} == mine == set(piece.stamps)
        for account in part.rows:  # each account's decisions stay in their order
            told = [d for d in piece.decisions if stored.account_of[d.order_id] == account]
            assert told == [d for d in decisions if stored.account_of[d.order_id] == account]
    assert sum(len(piece.decisions) for piece, _ in pieces) == len(decisions)
    *before, (last, _) = pieces
    assert (last.queues, last.watermarks) == (batch.queues, batch.watermarks)
    assert all(not piece.queues and not piece.watermarks for piece, _ in before)
    assert {piece.progress for piece, _ in pieces} == {batch.progress}


@pytest.fixture
def stage(transactional_db: None, tmp_path: Path) -> Iterator[Stage]:
    """Return a market with a quote that no order reaches, and a print that goes through all of them."""
    made = make_stage(tmp_path / "tape", [quote(1, "10.00", 100, "10.10", 100), trade(5, "9.90", 1_000)])
    yield made
    made.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_one_print_fills_many_accounts_whatever_the_size_of_a_piece(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("trading.adapters.journal.PIECE", size)
    monkeypatch.setattr("trading.adapters.journal_pieces.PIECE", size)
    accounts = [stage.account() for _ in range(5)]
    orders = {
        account: [stage.submit(account, quantity="10", limit_price="10")[0] for _ in range(2)]
        for account in accounts
    }
    stage.go(2)

    stage.go(6)

    for account in accounts:
        assert [story(order) for order in orders[account]] == [
            [("accepted", "S2"), ("new", "S2"), ("fill", "R2")]
        ] * 2
        assert holdings(account) == (20, 0, 0)
        account.refresh_from_db()
        assert account.cash == 9_800
    assert {stored(order).status for found in orders.values() for order in found} == {"filled"}
    assert audit_ledger().balances


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_may_outlast_the_lease_prolongs_it_and_ends_with_the_ordinary_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.adapters.journal.PIECE", 1)
    monkeypatch.setattr("trading.adapters.journal_pieces.PIECE", 1)
    monkeypatch.setattr("trading.adapters.journal.PIECES_AHEAD", 1)
    monkeypatch.setattr("trading.adapters.journal.DECISION_AT_MOST", timedelta(hours=1))
    for _ in range(3):
        stage.submit(stage.account(), quantity="10", limit_price="10")
    stage.go(2)
    journal = stage.journals[-1]
    seen: list[timedelta] = []
    execute = journal._execute

    def looked_at_by_another(arguments: dict[str, Any]) -> None:
        with psycopg.connect(journal._conninfo) as other:
            found = other.execute("select updated_at - clock_timestamp() from matching_shard").fetchone()
        assert found is not None
        seen.append(found[0])
        execute(arguments)

    monkeypatch.setattr(journal, "_execute", looked_at_by_another)
    stage.go(6)

    assert len(seen) == 3
    assert all(ahead > timedelta(hours=2) for ahead in seen)
    assert Shard.objects.get().updated_at <= datetime.now(UTC)
    assert set(Order.objects.across_owners().values_list("status", flat=True)) == {"filled"}


@pytest.mark.django_db(transaction=True)
def test_a_piece_that_the_database_refuses_takes_the_others_back_with_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.adapters.journal.PIECE", 1)
    monkeypatch.setattr("trading.adapters.journal_pieces.PIECE", 1)
    accounts = sorted((stage.account() for _ in range(3)), key=lambda account: account.pk)
    orders = [stage.submit(account, quantity="10", limit_price="10")[0] for account in accounts]
    stage.go(2)
    # The last of the accounts has a hold less than its order: to release it is refused.
    last = accounts[-1]
    last.refresh_from_db()
    last.cash_held -= Decimal(50)
    last.save(update_fields=["cash_held"])
    events = OrderEvent.objects.count()

    with pytest.raises(Poisoned, match="trading_account_holds_not_negative") as refused:
        stage.go(6)

    assert refused.value.order_ids == {orders[-1]}
    assert (OrderEvent.objects.count(), Fill.objects.count()) == (events, 0)
