"""Open a market: store it, let it be run, alone or beside others, and list its symbols."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Min

from accounts.services.audit import record
from matching.market import calendar, feeds, rows
from matching.market.clock import ALPACA, REPLAY, SYNTHETIC, parse_speed
from matching.market.sessions import always_open_sessions, compute_sessions
from matching.market.times import to_datetime
from matching.market.vendor import require_stream
from matching.models import CalendarDay, Market, Shard
from trading.models import Asset
from trading.reference import LISTED
from trading.services.running_markets import become_default, divide, running_markets

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

# Name and listing of the symbols that samples and demos use; others are taken for NYSE listings.
FAMILIAR = {
    "AAPL": ("Apple Inc. Common Stock", "NASDAQ"),
    "AMZN": ("Amazon.com, Inc. Common Stock", "NASDAQ"),
    "BAC": ("Bank of America Corporation", "NYSE"),
    "GOOG": ("Alphabet Inc. Class C Capital Stock", "NASDAQ"),
    "IBM": ("International Business Machines Corporation", "NYSE"),
    "JPM": ("JPMorgan Chase & Co.", "NYSE"),
    "META": ("Meta Platforms, Inc. Class A Common Stock", "NASDAQ"),
    "MSFT": ("Microsoft Corporation Common Stock", "NASDAQ"),
    "NVDA": ("NVIDIA Corporation Common Stock", "NASDAQ"),
    "QQQ": ("Invesco QQQ Trust, Series 1", "NASDAQ"),
    "SPY": ("SPDR S&P 500 ETF Trust", "ARCA"),
    "TSLA": ("Tesla, Inc. Common Stock", "NASDAQ"),
    "TWX": ("Time Warner Inc.", "NYSE"),
}


class MarketNotChosen(Exception):
    """The options do not name a market; the text says what is missing."""


def symbols_of(market: rows.MarketState | Market) -> tuple[str, ...]:
    """Return the symbols that can be traded in a market, sorted."""
    feed = market.clock.feed if isinstance(market, rows.MarketState) else market.feed
    if feed == SYNTHETIC:
        return tuple(sorted(feeds.synthetic_symbols(market.config)))
    return tuple(sorted(market.config["symbols"]))


def market_time(market: Market) -> datetime:
    """Return what time it is in a market; the wall's where it cannot say."""
    with connection.cursor() as cursor:
        cursor.execute("select matching_now(%s)", [market.pk])
        now: datetime | None = cursor.fetchone()[0]
    return now or datetime.now(UTC)


def store_calendars() -> None:
    """Compute the trading days of both calendars, once an installation."""
    for name, compute in ((calendar.XNYS, compute_sessions), (calendar.ALWAYS_OPEN, always_open_sessions)):
        if not CalendarDay.objects.filter(calendar=name).exists():
            CalendarDay.objects.bulk_create(
                [CalendarDay(calendar=name, **day.as_row()) for day in compute()], batch_size=2_000
            )


@transaction.atomic(durable=True)
def activate_market(
    *,
    feed: str | None = None,
    tape: str | None = None,
    date: str | None = None,
    symbols: Iterable[str] | None = None,
    speed: str | None = None,
    paused: bool | None = None,
    shards: int | None = None,
    market: Market | None = None,
    beside: bool = False,
    is_trial: bool = False,
) -> Market:
    """Open the market that the options describe, or the stored `market`, and set its clock going.

    It takes the place of the default one, which is run no more; with `beside` all others go on, and it
    becomes the default one only where there is none. Without a description nothing is replaced: where no market
    is run the default one is opened again, a synthetic one at first. A tape that was played before goes on where its decisions ended, at the speed
    and paused or playing as it was; `speed` and `paused` change that when they are given. `shards` is
    into how many shares its symbols are divided, see `set_shard_count`. A trial keeps nothing.
    Raises MarketNotChosen, MarketError (StreamTaken for a second live one); RuleBroken and ValueInvalid of the shards.
    """
    store_calendars()
    running = running_markets(is_locked=True)
    default = running[0] if running else None
    is_chosen = not (market is None and feed is None and tape is None and date is None and symbols is None)
    marked = Market.objects.filter(
        is_default=True
    ).first()  # closed, it is the default one again when it is opened
    if not is_chosen and not beside:
        market = default or marked
    if market is None:
        market = _stored(feed or (REPLAY if tape else SYNTHETIC), tape, date, symbols)
    market = Market.objects.select_for_update(no_key=True).get(pk=market.pk)
    if market not in running:
        require_stream(market, beside=running if beside else running[1:])  # the default one is replaced
    if beside and market in running:
        _require_same_clock(market, speed, paused)
    else:
        _open(market, None if beside else default, speed, paused, was_running=market in running)
    if (is_chosen and not beside) or (marked is None and default in (None, market)):
        become_default(market)
    market.save()
    if shards is not None:
        divide(market, shards)
    _list_assets(symbols_of(market))
    transaction.set_rollback(is_trial)
    return market


def _open(
    market: Market, replaced: Market | None, speed: str | None, paused: bool | None, *, was_running: bool
) -> None:
    """Let it be run, in another's place where one is named, from where its tape stands."""
    if replaced is not None and replaced != market:
        Market.objects.filter(pk=replaced.pk).update(is_active=False, is_default=False)
    if not was_running or (replaced is not None and replaced != market):
        before = None if replaced is None else {"market": replaced.name}
        record(action="market.activated", user_id=None, before=before, after={"market": market.name})
    market.is_active = True
    if market.feed == REPLAY:
        _set_clock(
            market,
            market.speed if speed is None else parse_speed(speed),
            paused=market.paused if paused is None else paused,
        )


def _require_same_clock(market: Market, speed: str | None, paused: bool | None) -> None:
    """Raise MarketNotChosen for another speed or pause of a tape that is played already."""
    is_other_speed = speed is not None and parse_speed(speed) != market.speed
    if market.feed == REPLAY and (is_other_speed or paused not in {None, market.paused}):
        raise MarketNotChosen(
            f"market {market} is run already: move its clock with `tape --market {market.pk}`"
        )


def _stored(feed: str, tape: str | None, date: str | None, symbols: Iterable[str] | None) -> Market:
    names = sorted({symbol.strip().upper() for symbol in symbols or () if symbol.strip()})
    if bad := [name for name in names if not LISTED.fullmatch(name)]:
        raise MarketNotChosen(
            f"{bad[0]!r} is no symbol: letters and digits, with dots, dashes and slashes between"
        )
    if feed == REPLAY:
        return _replay(tape, date, names)
    if feed == ALPACA:
        if not names:
            raise MarketNotChosen("--feed alpaca needs --symbols, say --symbols AAPL,SPY")
        return _named(f"alpaca {_digest(names)}", ALPACA, calendar.XNYS, {"symbols": names})
    config: dict[str, Any] = {"seed": 1, "symbols": names} if names else {"seed": 1}
    return _named(f"synthetic {_digest(names)}".strip(), SYNTHETIC, calendar.ALWAYS_OPEN, config)


def _replay(tape: str | None, date: str | None, names: list[str]) -> Market:
    if not tape or not date:
        raise MarketNotChosen("--feed replay needs --tape DIR and --date D, say --date 2013-10-08")
    xnys = rows.calendar(calendar.XNYS)
    config = feeds.tape_config(tape, date, names or None, xnys)
    market = _named(
        f"replay {date} {_digest([tape, *config.symbols])}", REPLAY, calendar.XNYS, config.as_json()
    )
    if market.starts_at is None:
        first, last = (xnys.day(on) for on in (config.dates[0], config.dates[-1]))
        opened = config.open(feeds.tape_calendar(calendar.XNYS, config.dates))
        if first is None or last is None:
            raise MarketNotChosen(f"the market was closed on {date}")
        market.starts_at, market.ends_at = to_datetime(opened.starts_at), to_datetime(opened.ends_at)
        market.save(update_fields=["starts_at", "ends_at"])
    return market


def _named(name: str, feed: str, calendar_name: str, config: dict[str, Any]) -> Market:
    market, _ = Market.objects.get_or_create(
        name=name, defaults={"feed": feed, "calendar": calendar_name, "config": config}
    )
    return market


def _digest(parts: Iterable[str]) -> str:
    """Return a short name for a choice of symbols; empty for none."""
    text = "\n".join(parts)
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else ""


def _set_clock(market: Market, speed: Decimal | None, *, paused: bool) -> None:
    """Let a tape go on from what its matchers have decided: no market time passes while nothing runs.

    A tape that was never played begins with its first session when it is paused, and with the
    first open when it plays, because nobody waits five and a half hours for a first fill.
    """
    decided = Shard.objects.filter(market=market, run=market.run, at__gt=0).aggregate(at=Min("at"))["at"]
    if decided is not None:
        market.anchor_at = to_datetime(decided)
    else:
        first = rows.calendar(market.calendar).day(feeds.TapeConfig.of(market.config).dates[0])
        begins = market.starts_at if paused or first is None else to_datetime(first.open)
        market.anchor_at = begins or market.anchor_at
    market.anchor_wall = datetime.now(UTC)
    market.speed, market.paused = speed, paused
    market.version += 1


def _list_assets(symbols: Iterable[str]) -> None:
    known = set(Asset.objects.filter(symbol__in=symbols).values_list("symbol", flat=True))
    Asset.objects.bulk_create(
        [
            Asset(
                symbol=symbol,
                name=FAMILIAR.get(symbol, ("", ""))[0],
                exchange=FAMILIAR.get(symbol, ("", "NYSE"))[1],
            )
            for symbol in symbols
            if symbol not in known
        ],
        ignore_conflicts=True,
    )
