"""What a session's end does to many orders, through the real journal and a matcher that dies meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from matching.models import Shard
from tests.trading.stage import Stage, holdings, make_stage, quote, stored, story
from trading.ledger_audit import audit_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matching.ports import Batch

pytestmark = pytest.mark.django_db(transaction=True)

TAPE = [quote(0, "10.00", 300, "10.02", 200), quote(50, "10.00", 300, "10.03", 200)]
CLOSE = 23_400  # seconds after the open
TARGET = {"side": "sell", "type": "limit", "limit_price": "10.20", "role": "take_profit"}
ENTRY: dict[str, Any] = {"order_class": "oto", "role": "entry", "limit_price": "9.00"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = make_stage(tmp_path / "tape", TAPE)
    yield stage
    stage.close()


@pytest.mark.parametrize("deaths_after", [1, 2, 3])
def test_a_matcher_that_dies_while_a_session_ends_leaves_the_rest_to_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, deaths_after: int
) -> None:
    monkeypatch.setattr("matching.matcher.ENDS_PER_COMMIT", 1)
    account = stage.account()
    stage.go(0.5)
    entry, target = stage.submit(account, TARGET, **ENTRY)
    alone = [stage.submit(account, limit_price="9.00", quantity="1")[0] for _ in range(3)]
    stage.go(60)
    stage.start()
    before, journal, commits = Shard.objects.get().seq, stage.journals[-1], 0

    def dies_in_time(batch: Batch) -> None:
        nonlocal commits
        commits += bool(batch.decisions)
        if commits > deaths_after:
            raise ConnectionError
        type(journal).commit(journal, batch)

    monkeypatch.setattr(journal, "commit", dies_in_time)
    stage.advance_clock(CLOSE + 1)
    with pytest.raises(ConnectionError):
        stage.matcher.round()
    ended, left = alone[:deaths_after], alone[deaths_after:]
    assert [stored(one).status for one in (*ended, *left, entry)] == [
        *["expired"] * len(ended), *["new"] * len(left), "new",
    ]  # fmt: skip
    assert Shard.objects.get().seq == before

    stage.start()
    stage.matcher.round()
    assert [story(one) for one in alone] == [[("new", "C0"), ("expired", "S1")]] * 3
    assert [stored(one).status for one in (entry, target)] == ["expired", "canceled"]
    assert Shard.objects.get().seq > before
    assert holdings(account) == (0, 0, 0)
    assert audit_ledger().differences == ()
