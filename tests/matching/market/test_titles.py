"""What a market is called where people read."""

from __future__ import annotations

from typing import Any

import pytest

from matching.market.titles import title

DIGEST = "9aa76ab7c1d2"


@pytest.mark.parametrize(
    ("name", "feed", "config", "shown"),
    [
        ("synthetic", "synthetic", {"seed": 1}, "Synthetic, seed 1 (10 symbols)"),
        (
            f"synthetic {DIGEST}",
            "synthetic",
            {"seed": 7, "symbols": ["KO", "IBM"]},
            "Synthetic, seed 7 (IBM, KO)",
        ),
        (
            f"replay 2013-10-08 {DIGEST}",
            "replay",
            {"dates": ["2013-10-08"], "symbols": ["IBM"]},
            "Recorded, 2013-10-08 (IBM)",
        ),
        (
            f"replay 2013-10-07..2013-10-09 {DIGEST}",
            "replay",
            {"dates": ["2013-10-07", "2013-10-08", "2013-10-09"], "symbols": ["A", "B", "C", "D"]},
            "Recorded, 2013-10-07 to 2013-10-09 (4 symbols)",
        ),
        (f"alpaca {DIGEST}", "alpaca", {"symbols": ["AAPL", "SPY"]}, "Live (AAPL, SPY)"),
        ("monday", "replay", {"dates": ["2013-10-07"], "symbols": ["IBM"]}, "monday"),
        ("synthetic friday", "synthetic", {}, "synthetic friday"),
    ],
    ids=[
        "the familiar ten",
        "two symbols",
        "a day",
        "days and many symbols",
        "live",
        "given",
        "given, nearly made",
    ],
)
def test_a_market_is_called_by_what_it_is_unless_somebody_named_it(
    name: str, feed: str, config: dict[str, Any], shown: str
) -> None:
    assert title(name=name, feed=feed, config=config) == shown
