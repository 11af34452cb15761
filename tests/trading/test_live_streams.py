"""A vendor takes one stream a data key: a second live market is not opened, and where there are two one has it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from matching.market.hub import Hub
from matching.market.vendor import StreamTaken
from matching.market.waker import Waker
from matching.models import Market
from raxx import doctor
from tests.factories.calendar import store_season
from tests.factories.rows import make_market
from trading.services.markets import activate_market
from trading.services.running_markets import close_market, make_default

if TYPE_CHECKING:
    import redis

pytestmark = pytest.mark.django_db(transaction=True)


def live(*symbols: str, **options: Any) -> Market:
    return activate_market(feed="alpaca", symbols=symbols, **options)


def running() -> list[Market]:
    return list(Market.objects.filter(is_active=True).order_by("pk"))


def opened(*words: str) -> Any:
    out = StringIO()
    call_command("market", "open", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture(autouse=True)
def _a_season() -> None:
    store_season()


def test_a_second_live_market_is_refused_with_the_first_one_s_name_and_the_way_out() -> None:
    activate_market(feed="synthetic", symbols=["KO"])
    first = live("AAPL", beside=True)
    before = list(Market.objects.order_by("pk").values())
    refusal = (
        rf"^market {first.pk} \(Live \(AAPL\)\) streams with the vendor's data key, which is good for one stream: "
        rf"`manage.py market close {first.pk}` first, or"
    )

    for trial in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=refusal):
            opened("--feed", "alpaca", "--symbols", "SPY", *trial)
    with pytest.raises(StreamTaken):
        live("SPY")  # in place of the synthetic one, as `seed` and `up` do
    assert list(Market.objects.order_by("pk").values()) == before

    assert opened("--feed", "alpaca", "--symbols", "AAPL")["number"] == first.pk  # it runs already
    close_market(first.pk)
    second = opened("--feed", "alpaca", "--symbols", "SPY")
    with pytest.raises(CommandError, match=rf"^market {second['number']} \(Live \(SPY\)\) streams"):
        opened(str(first.pk))


def test_a_live_market_takes_the_place_of_the_default_one_and_its_stream() -> None:
    live("AAPL")

    second = live("SPY")

    assert running() == [second]


def test_of_two_who_open_one_at_once_one_is_refused() -> None:
    def opens(symbol: str) -> str:
        try:
            return live(symbol, beside=True).title
        except StreamTaken as refused:
            return type(refused).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(opens, ["AAPL", "SPY"]))

    (held,) = running()
    assert sorted(outcomes) == sorted([held.title, "StreamTaken"])


def test_where_two_are_run_all_the_same_hub_and_doctor_say_who_has_the_stream(
    valkey: redis.Redis, valkey_url: str
) -> None:
    first, second = (
        make_market(feed="alpaca", config={"symbols": [name]}, is_active=True) for name in ("AAPL", "SPY")
    )
    make_default(second.pk)

    with pytest.raises(StreamTaken) as refused:
        Hub(first.pk, valkey_url=valkey_url, waker=Waker(), environment={}).run()
    told = {finding.name: finding for finding in doctor.examine(["feed"])}

    ill = told[f"feed {first.pk}"]
    assert str(refused.value) == f"{ill.detail}: {ill.fix}"
    assert f"market {second.pk} ({second})" in ill.detail
    assert "is silent" in told[f"feed {second.pk}"].detail
