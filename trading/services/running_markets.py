"""Which markets an installation runs: close one, make one the default, divide one among more matchers.

Opening is `trading.services.markets.activate_market`. Why several: trading/decisions/0021-several-markets.md.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from accounts.services.audit import record
from matching.market import clock, locks, rows
from matching.market.clock import REPLAY, ClockState
from matching.models import Market, Shard
from trading.errors import RuleBroken, ValueInvalid
from trading.models import Order, TradingAccount
from trading.models.order import OPEN_STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARDS_MAX = 64  # as the table says
_TRY = "select pg_try_advisory_xact_lock(%s, %s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedMarket:
    """A market that is run no more, and what waits in it until it is opened again."""

    market: Market
    accounts: int
    orders: int  # open ones


def market_named(text: str, *, among: Sequence[Market] | None = None) -> Market:
    """Return the market of this name or number, of all or `among` some. Raises ValueInvalid, naming what there is."""
    known = list(Market.objects.order_by("pk")) if among is None else list(among)
    for market in known:
        if text in {market.name, str(market.pk)}:
            return market
    raise ValueInvalid(f"market {text!r} is not one of {', '.join(each.name for each in known) or 'none'}")


def default_market() -> Market:
    """Return the market of whoever names none. Raises FeedUnavailable when none is run."""
    return Market.objects.get(pk=rows.default_market_id())


def require_running(market: Market) -> Market:
    """Return the market when somebody runs it. Raises RuleBroken."""
    if not market.is_active:
        raise RuleBroken(f"market {market} is closed")
    return market


def running_markets(*, is_locked: bool = False) -> list[Market]:
    """Return the markets that are run, the default one first; locked against everybody who changes which those are.

    By a lock of its own: at first there is no row that two who open one could meet at.
    """
    if is_locked:
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s, %s)", list(locks.markets_lock()))
    return list(Market.objects.filter(is_active=True).order_by("-is_default", "pk"))


@transaction.atomic(durable=True)
def close_market(market_id: int, *, is_trial: bool = False) -> ClosedMarket:
    """Run a market no more: its orders wait, its tape is paused, and nobody can place, cancel or begin anew in it.

    Once it is closed nothing changes. While the default one is closed, whoever names none begins in the oldest of
    the others. A trial keeps nothing. Raises Market.DoesNotExist.
    """
    running_markets(is_locked=True)
    market = Market.objects.select_for_update(no_key=True).get(pk=market_id)
    open_orders = Order.objects.across_owners().filter(market=market, status__in=OPEN_STATUSES).count()
    accounts = TradingAccount.objects.across_owners().filter(market=market)
    found = ClosedMarket(
        market=market,
        accounts=accounts.exclude(status=TradingAccount.Status.CLOSED).count(),
        orders=open_orders,
    )
    if not market.is_active:
        return found
    market.is_active = False
    if market.feed == REPLAY:
        _stop_clock(market)
    market.save()
    record(
        action="market.closed",
        user_id=None,
        before={"market": market.name},
        after={"open_orders": open_orders},
    )
    transaction.set_rollback(is_trial)
    return found


@transaction.atomic(durable=True)
def make_default(market_id: int, *, is_trial: bool = False) -> Market:
    """Let whoever names no market begin in this one. Raises RuleBroken when nobody runs it."""
    running = running_markets(is_locked=True)
    market = Market.objects.select_for_update(no_key=True).get(pk=market_id)
    if market not in running:
        raise RuleBroken(f"market {market} is closed: open it first")
    if not market.is_default:
        before = running[0]
        become_default(market)
        market.save(update_fields=["is_default"])
        record(
            action="market.made_default",
            user_id=None,
            before={"market": before.name},
            after={"market": market.name},
        )
    transaction.set_rollback(is_trial)
    return market


def become_default(market: Market) -> None:
    """Make it the only default one, in the caller's transaction, who saves it."""
    Market.objects.filter(is_default=True).exclude(pk=market.pk).update(is_default=False)
    market.is_default = True


@transaction.atomic(durable=True)
def set_shard_count(market_id: int, count: int, *, is_trial: bool = False) -> Market:
    """Divide a market's symbols among so many matchers, while none of them runs.

    Open orders stay: each shard goes on where all of them have come to. Raises ValueInvalid; and RuleBroken
    while a matcher has one of the shards, or where the shards of a tape have not come to one place.
    """
    market = Market.objects.select_for_update(no_key=True).get(pk=market_id)
    divide(market, count)
    transaction.set_rollback(is_trial)
    return market


def divide(market: Market, count: int) -> None:
    """Do what `set_shard_count` says in the caller's transaction, until whose end no matcher can take a shard."""
    if not 1 <= count <= SHARDS_MAX:
        raise ValueInvalid(f"{count} is not a number of shards, which is 1 to {SHARDS_MAX}")
    shards = list(Shard.objects.select_for_update().filter(market=market).order_by("number"))
    before, past = market.shard_count, max((shard.number + 1 for shard in shards), default=0)
    if count == before and past <= count:
        return
    for number in range(max(before, count, past)):
        _require_free(market, number)
    if shards:
        _level(market, shards, count)
    Shard.objects.filter(market=market, number__gte=count).delete()
    market.shard_count = count
    market.save(update_fields=["shard_count"])
    record(
        action="market.divided",
        user_id=None,
        before={"market": market.name, "shards": before},
        after={"shards": count},
    )


def _require_free(market: Market, number: int) -> None:
    """Take a shard's lock until the transaction ends. Raises RuleBroken when its matcher has it."""
    with connection.cursor() as cursor:
        cursor.execute(_TRY, list(locks.shard_lock(market.pk, number)))
        (is_ours,) = cursor.fetchone()
    if not is_ours:
        raise RuleBroken(
            f"shard {market.pk}/{number} has a living matcher: close the market first (or stop its matchers)"
        )


def _level(market: Market, shards: list[Shard], count: int) -> None:
    """Let every shard stand at one place, because a symbol's decisions hold up to that of the shard it leaves.

    A live or synthetic market goes on from where the furthest was: what the others have not seen by then is
    not seen, as after any absence. A tape forgets nothing, so that its shards must have come to one place.
    """
    run = max(shard.run for shard in shards)
    latest = [shard for shard in shards if shard.run == run]
    places = {(shard.run, shard.seq, shard.at) for shard in shards}
    if market.feed == REPLAY and len(places) > 1:
        raise RuleBroken(
            "the shards of this tape stand at different places: pause it, and let its matchers come to the"
            " clock before they are stopped (`manage.py tape status` shows decided_at)"
        )
    place = {"run": run, "seq": max(s.seq for s in latest), "at": max(s.at for s in latest)}
    Shard.objects.filter(market=market, number__lt=count).update(**place)
    heard_at = max(shard.updated_at for shard in shards)  # they have never run: nobody shall think so
    known = {shard.number for shard in shards}
    Shard.objects.bulk_create(
        Shard(market=market, number=number, updated_at=heard_at, **place)
        for number in range(count)
        if number not in known
    )


def _stop_clock(market: Market) -> None:
    state = ClockState.of_row(market)
    stopped: Any = clock.pause(state, time.time_ns(), rows.progress(market.pk, market.run))
    for name, value in stopped.as_row().items():
        setattr(market, name, value)
