"""Each guard refuses by itself, says which it is, and the first in the order speaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from broker_handoff.guards import OF_CANCEL, Facts, Guard, Limits, first_refusal

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
LIMITS = Limits(
    notional_max=Decimal(1_000),
    day_notional_max=Decimal(5_000),
    open_orders_max=10,
    price_distance_max_bps=500,
)
GOOD = Facts(
    now=NOW,
    is_live_on=True,
    switch_global=None,
    switch_user=None,
    switch_connection=None,
    is_deactivated=False,
    is_connected=True,
    needs_reauth=False,
    consent_expires_at=NOW + timedelta(days=1),
    restricted_until=None,
    is_tier_entitled=True,
    is_gate_open=True,
    is_market_open=True,
    market_price=Decimal(100),
    limit_price=Decimal(105),
    notional=Decimal(1_000),
    day_notional=Decimal(4_000),
    open_orders=9,
    duplicate_of=None,
    limits=LIMITS,
)

# The least that makes each guard say no; GOOD stands just on the right side of every limit.
BROKEN: dict[Guard, dict[str, Any]] = {
    Guard.LIVE_OFF: {"is_live_on": False},
    Guard.SWITCH_GLOBAL: {"switch_global": "the broker is down"},
    Guard.SWITCH_USER: {"switch_user": "asked for"},
    Guard.SWITCH_CONNECTION: {"switch_connection": "odd fills"},
    Guard.DEACTIVATED: {"is_deactivated": True},
    Guard.NOT_CONNECTED: {"is_connected": False},
    Guard.NEEDS_REAUTH: {"needs_reauth": True},
    Guard.CONSENT_EXPIRED: {"consent_expires_at": NOW},
    Guard.COOLING_DOWN: {"restricted_until": NOW + timedelta(microseconds=1)},
    Guard.TIER: {"is_tier_entitled": False},
    Guard.GATE: {"is_gate_open": False},
    Guard.MARKET_CLOSED: {"is_market_open": False},
    Guard.NO_PRICE: {"market_price": None},
    Guard.PRICE_DISTANCE: {"limit_price": Decimal("105.01")},
    Guard.ORDER_NOTIONAL: {"notional": Decimal("1000.01"), "day_notional": Decimal(0)},
    Guard.DAY_NOTIONAL: {"day_notional": Decimal("4000.01")},
    Guard.OPEN_ORDERS: {"open_orders": 10},
    Guard.DUPLICATE: {"duplicate_of": "01a2"},
}


def test_what_stands_at_every_limit_passes() -> None:
    assert first_refusal(GOOD) is None
    assert first_refusal(replace(GOOD, limit_price=Decimal(95))) is None
    assert first_refusal(replace(GOOD, limit_price=None)) is None  # a market order
    assert first_refusal(replace(GOOD, restricted_until=NOW)) is None


def test_every_guard_has_its_case() -> None:
    assert set(BROKEN) == set(Guard)


@pytest.mark.parametrize("guard", Guard)
def test_a_guard_refuses_by_itself_and_says_which_it_is(guard: Guard) -> None:
    refusal = first_refusal(replace(GOOD, **BROKEN[guard]))

    assert refusal is not None
    assert refusal.guard is guard
    assert refusal.words


@pytest.mark.parametrize(("first", "second"), list(pairwise(Guard)))
def test_of_two_the_earlier_one_speaks(first: Guard, second: Guard) -> None:
    refusal = first_refusal(replace(GOOD, **{**BROKEN[second], **BROKEN[first]}))

    assert refusal is not None
    assert refusal.guard is first


@pytest.mark.parametrize("guard", Guard)
def test_a_cancel_is_let_through_by_all_that_guards_against_more_risk(guard: Guard) -> None:
    refusal = first_refusal(replace(GOOD, **BROKEN[guard], is_cancel=True))

    assert (refusal.guard if refusal else None) == (guard if guard in OF_CANCEL else None)


def test_a_refusal_gives_the_figure_and_the_limit() -> None:
    far = first_refusal(replace(GOOD, limit_price=Decimal(110)))
    dear = first_refusal(replace(GOOD, notional=Decimal(1_500)))

    assert far is not None
    assert far.words == "the price 110 is 1000 bps from the market's 100, and may be 500"
    assert dear is not None
    assert dear.words == "the order is worth about 1500.00, and one may be 1000.00"
