"""Markets, their trading days, and how far each shard's decisions hold. Nobody owns these rows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from matching.market import titles


class Market(models.Model):
    """A feed, a clock and a set of symbols. One is active at first, and others may be; every order names its market.

    Each active market has a hub, and a matcher for each of its shards. The default one is where a
    person begins who names none.

    The clock: market time is `anchor_at` while paused, else `anchor_at` + (wall - `anchor_wall`)
    x `speed`; a null speed plays as fast as the matchers can. For a live feed it is the wall's.
    """

    class FeedKind(models.TextChoices):
        SYNTHETIC = "synthetic"
        REPLAY = "replay"
        ALPACA = "alpaca"

    name = models.CharField(max_length=200, unique=True)
    feed = models.CharField(max_length=16, choices=FeedKind)
    calendar = models.CharField(max_length=16)  # XNYS, or ALWAYS for a market that never closes
    config = models.JSONField(default=dict)  # tape folder, dates, symbols, seed
    is_active = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False, db_default=False)
    # Into how many shares its symbols are divided. Changed only while no matcher runs: `manage.py market`.
    shard_count = models.PositiveSmallIntegerField(default=1, db_default=1)
    run = models.PositiveIntegerField(default=1)  # a restarted tape begins a new run
    paused = models.BooleanField(default=False)
    speed = models.DecimalField(max_digits=12, decimal_places=3, null=True, default=1)
    anchor_wall = models.DateTimeField(default=timezone.now)
    anchor_at = models.DateTimeField(default=timezone.now)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    version = models.PositiveBigIntegerField(default=0)  # of the clock; raised by each control

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="market_one_is_default"
            ),
            models.CheckConstraint(
                condition=models.Q(shard_count__gte=1, shard_count__lte=64), name="market_shards_are_few"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """What people read: a given name, else what it is made of. `name` is what it is found by."""
        return titles.title(name=self.name, feed=self.feed, config=self.config)


class CalendarDay(models.Model):
    """One trading day of one calendar, all instants UTC: pre-market opens at `session_open`."""

    calendar = models.CharField(max_length=16)
    date = models.DateField()
    session_open = models.DateTimeField()
    open = models.DateTimeField()
    close = models.DateTimeField()
    session_close = models.DateTimeField()
    settlement_date = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["calendar", "date"], name="calendar_day_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.calendar} {self.date}"


class Shard(models.Model):
    """A share of a market's symbols, and how far its committed decisions hold.

    `epoch` is the fencing token: a matcher raises it when it takes the shard, and every commit
    names it, so that a matcher that was taken for dead cannot commit any more.
    """

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="shards", db_index=False)
    number = models.PositiveSmallIntegerField(default=0)
    epoch = models.PositiveBigIntegerField(default=0)
    run = models.PositiveIntegerField(default=0)
    seq = models.BigIntegerField(default=0)
    at = models.BigIntegerField(default=0)  # market time, nanoseconds since 1970 UTC
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["market", "number"], name="shard_is_unique_in_market"),
        ]

    def __str__(self) -> str:
        return f"{self.market_id}/{self.number}"


class Watermark(models.Model):
    """How far a market came for the trailing stops of a symbol and side (T3): a descending staircase.

    The watermark of an order that works since sequence t is the price of the first row with `seq` > t,
    or its own where that is more favourable. A row that a later and more favourable one follows is
    deleted with that one's insertion, so that few remain. Price: 1/10,000 dollar.
    """

    pk = models.CompositePrimaryKey("market_id", "symbol", "side", "seq")
    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="watermarks", db_index=False)
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4)  # of the orders
    seq = models.BigIntegerField()
    price = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.symbol} {self.side} {self.price}"


class RecordedMinute(models.Model):
    """One minute of one symbol as a live market showed it: its bar, and for a while all its items.

    `at` is the minute's beginning, nanoseconds. The prices (1/10,000 dollar) are 0 where no print made
    a bar; `volume` is in shares, `turnover` in dollars. It may be lost: no order rests on it.
    """

    pk = models.CompositePrimaryKey("market_id", "symbol", "at")
    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="+", db_index=False)
    symbol = models.CharField(max_length=32)
    at = models.BigIntegerField()
    open = models.BigIntegerField(default=0)
    high = models.BigIntegerField(default=0)
    low = models.BigIntegerField(default=0)
    close = models.BigIntegerField(default=0)
    volume = models.FloatField(default=0)
    turnover = models.FloatField(default=0)
    count = models.IntegerField(default=0)
    has_auction = models.BooleanField(default=False)
    items = models.BinaryField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["market", "at"], name="recorded_minute_by_age")]

    def __str__(self) -> str:
        return f"{self.symbol} {self.at}"
