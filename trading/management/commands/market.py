"""`manage.py market`: which markets this installation runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis
from django.conf import settings

from accounts.errors import Failure
from accounts.management.command import OperatorCommand
from matching.market.clock import REPLAY
from matching.market.errors import MarketError
from matching.market.liveness import living_hubs, silent_shards
from matching.market.valkey import WRITE_TIMEOUT, connect
from matching.models import Market
from trading.management.market_option import add_description
from trading.services.markets import MarketNotChosen, activate_market
from trading.services.running_markets import (
    close_market,
    make_default,
    market_named,
    running_markets,
    set_shard_count,
)

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

Done = tuple[Market, dict[str, Any], str]  # the market, what more there is to tell, and what it would be
PROCESSES = (
    "each needs `manage.py hub`, and `manage.py matcher` for each of its shards; a running `up` starts them"
)


class Command(OperatorCommand):
    help = (
        "Say which markets this installation runs, and open, close or divide one: list, open, close, default, shards. "
        "Several may run at once, say a recorded day beside the live market; each account belongs to one."
    )
    when = (
        "`seed` and `up` replace the market of everybody who names none; `market open` puts another one beside it. "
        "An account chooses when it is opened, and stays in its market. Of live markets one is run at a time, because "
        "a vendor takes one stream a data key."
    )
    examples = (
        "list",
        "open --feed replay --tape ~/lean/data --date 2013-10-08 --symbols IBM --paused",
        "open 2 --shards 2 --dry-run",
        "default 2",
        "close 2 --dry-run",
        "shards 2 3",
    )
    changes = True
    refusals = (Failure, MarketError, MarketNotChosen)

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the steps, and their options."""
        steps = parser.add_subparsers(dest="step", required=True)
        listing = steps.add_parser("list", help="all markets, and which of their processes live")
        opening = steps.add_parser("open", help="run a market beside the others")
        self._add_open(opening)
        close = steps.add_parser("close", help="run it no more: orders wait, a tape is paused")
        default = steps.add_parser("default", help="let whoever names no market begin in this one")
        shards = steps.add_parser("shards", help="divide its symbols among so many matchers; none may run")
        for each in (close, default, shards):
            each.add_argument("market", metavar="MARKET", help="its name or number")
        shards.add_argument("count", metavar="N", type=int, help="1 to 64")
        self.add_shared(listing)
        for each in (opening, close, default, shards):
            self.add_shared(each, changes=True)

    @staticmethod
    def _add_open(parser: CommandParser) -> None:
        parser.add_argument(
            "market", metavar="MARKET", nargs="?", help="name or number of one that was open before"
        )
        add_description(parser)
        parser.add_argument(
            "--shards",
            metavar="N",
            type=int,
            help="into how many shares its symbols are divided; as it was, 1 at first",
        )

    def handle(self, *, step: str, json: bool, dry_run: bool, **options: Any) -> None:
        """Do one step, and say how the market then is."""
        steps = {"open": _open, "close": _close, "default": _default, "shards": _shards}
        if step == "list":
            self._list(as_json=json)
            return
        market, more, words = steps[step](options, is_trial=dry_run)
        line = f"market {market.pk}, {market.title}: {'would be ' if dry_run else ''}{words}"
        self.tell({**_body(market), **more}, [line], as_json=json, is_dry=dry_run)

    def _list(self, *, as_json: bool) -> None:
        markets, running = list(Market.objects.order_by("pk")), running_markets()
        ids = [market.pk for market in running]
        silent = silent_shards(ids)
        hubs = _hubs(ids)
        body = [
            {
                **_body(market),
                "default": market in running[:1],
                "hub": None if hubs is None or market.pk not in silent else market.pk in hubs,
                "matchers": market.shard_count - len(silent[market.pk]) if market.pk in silent else 0,
            }
            for market in markets
        ]
        self.tell(
            body, [_line(each) for each in body] or ["none yet: manage.py market open"], as_json=as_json
        )


def _open(options: dict[str, Any], *, is_trial: bool) -> Done:
    wanted = {name: options[name] for name in ("feed", "tape", "date", "symbols")}
    if options["market"] and any(wanted.values()):
        raise MarketNotChosen(
            "a stored market is opened as it is: give its name alone, or describe a new one"
        )
    wanted["symbols"] = options["symbols"].split(",") if options["symbols"] else None
    market = activate_market(
        **wanted,
        market=market_named(options["market"]) if options["market"] else None,
        speed=options["speed"],
        paused=options["paused"],
        shards=options["shards"],
        beside=True,
        is_trial=is_trial,
    )
    clock = "; its tape is paused" if market.feed == REPLAY and market.paused else ""
    return market, {}, f"open{clock}; {PROCESSES}"


def _close(options: dict[str, Any], *, is_trial: bool) -> Done:
    closed = close_market(market_named(options["market"]).pk, is_trial=is_trial)
    words = (
        f"closed; {closed.orders} open orders, of {closed.accounts} accounts, wait until it is opened again"
    )
    return closed.market, {"accounts": closed.accounts, "open_orders": closed.orders}, words


def _default(options: dict[str, Any], *, is_trial: bool) -> Done:
    market = make_default(market_named(options["market"]).pk, is_trial=is_trial)
    return market, {}, "where people begin who name none"


def _shards(options: dict[str, Any], *, is_trial: bool) -> Done:
    market = set_shard_count(market_named(options["market"]).pk, options["count"], is_trial=is_trial)
    return market, {}, f"divided among {market.shard_count} matchers"


def _hubs(market_ids: list[int]) -> set[int] | None:
    """Return the markets whose hub lives, None while nobody can tell."""
    with connect(settings.REDIS_URL, timeout=WRITE_TIMEOUT) as client:
        try:
            return living_hubs(client, market_ids)
        except redis.RedisError:
            return None


def _body(market: Market) -> dict[str, Any]:
    return {
        "number": market.pk,
        "name": market.name,
        "title": market.title,
        "feed": market.feed,
        "open": market.is_active,
        "default": market.is_default and market.is_active,
        "shards": market.shard_count,
    }


def _line(body: dict[str, Any]) -> str:
    if not body["open"]:
        state = "closed"
    else:
        hub = {True: "lives", False: "is silent", None: "cannot be asked"}[body["hub"]]
        state = f"open, its hub {hub}, {body['matchers']} of {body['shards']} matchers live"
    default = " (default)" if body["default"] else ""
    return f"{body['number']:3}  {body['title']}{default}: {state}"
