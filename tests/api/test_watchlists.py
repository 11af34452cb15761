"""/v2/watchlists: every verb, by id and by name."""

from __future__ import annotations

import pytest
from alpaca.trading.models import Watchlist as SdkWatchlist
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api.conftest import refusal
from tests.factories.rows import make_asset, make_watchlist
from trading.api.assets import asset_body
from trading.models import Asset, Watchlist
from trading.models.watchlist import WATCHLISTS_MAX

PATH = "/v2/watchlists"


@pytest.fixture
def tech(bot, ibm):
    """Return a list of MSFT and IBM, as the wire shows it."""
    make_asset("MSFT")
    answer = bot.post(PATH, {"name": "tech", "symbols": ["MSFT", "IBM"]})
    assert answer.status_code == 200, answer.content
    return answer.json()


def symbols(answer):
    assert answer.status_code == 200, answer.content
    return [asset["symbol"] for asset in answer.json()["assets"]]


def test_a_list_is_made_with_its_assets_in_the_order_given(bot, tech, ibm):
    assert tech["account_id"] == str(bot.account.pk)
    assert tech["name"] == "tech"
    assert tech["created_at"] == tech["updated_at"] == "2013-10-08T16:00:00Z"
    assert [asset["symbol"] for asset in tech["assets"]] == ["MSFT", "IBM"]
    assert tech["assets"][1] == {**asset_body(ibm, frozenset({"IBM"})), "id": str(ibm.pk)}
    assert bot.get(f"{PATH}/{tech['id']}").json() == tech
    assert str(SdkWatchlist(**tech).id) == tech["id"]


def test_a_list_may_be_empty_and_names_each_asset_once(bot, ibm):
    assert symbols(bot.post(PATH, {"name": "empty"})) == []
    assert symbols(bot.post(PATH, {"name": "twice", "symbols": ["IBM", str(ibm.pk), "459200101"]})) == ["IBM"]


def test_lists_are_listed_oldest_first_without_their_assets(bot, make_bot, tech):
    second = bot.post(PATH, {"name": "a later one"}).json()
    make_bot().post(PATH, {"name": "somebody else's"})

    answer = bot.get(PATH).json()

    assert [each["id"] for each in answer] == [tech["id"], second["id"]]
    assert all("assets" not in each for each in answer)


def test_put_changes_the_name_the_assets_or_both(bot, tech):
    path = f"{PATH}/{tech['id']}"

    renamed = bot.send("put", path, {"name": "chips"})
    assert (renamed.json()["name"], symbols(renamed)) == ("chips", ["MSFT", "IBM"])
    assert symbols(bot.send("put", path, {"symbols": ["IBM"]})) == ["IBM"]
    assert symbols(bot.send("put", path, {"name": "both", "symbols": []})) == []
    assert bot.get(path).json()["name"] == "both"


def test_an_asset_is_added_at_the_end_and_taken_out(bot, tech):
    make_asset("AAPL")
    path = f"{PATH}/{tech['id']}"

    assert symbols(bot.post(path, {"symbol": "AAPL"})) == ["MSFT", "IBM", "AAPL"]
    assert symbols(bot.delete(f"{path}/MSFT")) == ["IBM", "AAPL"]
    assert refusal(bot.delete(f"{path}/MSFT")) == (404, 40410000)


@pytest.mark.parametrize("name", ["BTC/USD", "BTC%2FUSD", "BTCUSD"])
def test_a_crypto_pair_is_taken_out_by_any_of_its_names(bot, name):
    make_asset("BTC/USD", asset_class="crypto", exchange="CRYPTO")
    made = bot.post(PATH, {"name": "coins", "symbols": ["BTC/USD"]}).json()

    assert symbols(bot.delete(f"{PATH}/{made['id']}/{name}")) == []


def test_every_verb_has_its_twin_by_name(bot, tech):
    make_asset("AAPL")
    path = f"{PATH}:by_name"

    assert bot.get(path, name="tech").json() == tech
    assert symbols(bot.post(f"{path}?name=tech", {"symbol": "AAPL"})) == ["MSFT", "IBM", "AAPL"]
    assert symbols(bot.delete(f"{path}/IBM?name=tech")) == ["MSFT", "AAPL"]
    assert bot.send("put", f"{path}?name=tech", {"name": "my chips"}).json()["id"] == tech["id"]
    assert bot.delete(f"{path}?name=my%20chips").status_code == 204
    assert bot.get(PATH).json() == []


def test_a_deleted_list_is_gone_and_its_name_free(bot, tech):
    answer = bot.delete(f"{PATH}/{tech['id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(bot.get(f"{PATH}/{tech['id']}")) == (404, 40410000)
    assert refusal(bot.delete(f"{PATH}/{tech['id']}")) == (404, 40410000)
    assert bot.post(PATH, {"name": "tech"}).status_code == 200


def test_a_name_is_unique_in_an_account_and_no_further(bot, make_bot, tech):
    other = bot.post(PATH, {"name": "other"}).json()

    for answer in (
        bot.post(PATH, {"name": "tech"}),
        bot.send("put", f"{PATH}/{other['id']}", {"name": "tech"}),
    ):
        assert refusal(answer) == (422, 40010001)
        assert answer.json()["message"] == "watchlist name must be unique"
    assert bot.send("put", f"{PATH}/{tech['id']}", {"name": "tech"}).status_code == 200
    assert make_bot().post(PATH, {"name": "tech"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"symbols": ["IBM"]}, (422, 40010001)),
        ({"name": "  "}, (422, 40010001)),
        ({"name": "x" * 65}, (422, 40010001)),
        ({"name": "a\u0000b"}, (422, 40010001)),
        ({"name": "n", "symbols": ["NOPE"]}, (404, 40410000)),
        ({"name": "n", "symbols": ["\u0000"]}, (404, 40410000)),
        ({"name": "n", "symbols": "IBM"}, (400, 40010000)),
        ({"name": 5}, (400, 40010000)),
    ],
)
def test_a_bad_body_makes_nothing(bot, body, expected):
    assert refusal(bot.post(PATH, body)) == expected
    assert not Watchlist.objects.exists()


def test_a_refused_change_leaves_the_list_as_it_was(bot, tech):
    path = f"{PATH}/{tech['id']}"
    for answer, expected in (
        (bot.send("put", path, {"name": "new", "symbols": ["NOPE"]}), (404, 40410000)),
        (bot.post(path, {"symbol": "NOPE"}), (404, 40410000)),
        (bot.post(path, {"symbol": "IBM"}), (422, 40010001)),
        (bot.post(path, {}), (422, 40010001)),
    ):
        assert refusal(answer) == expected

    assert bot.get(path).json() == tech


def test_a_strangers_list_is_not_there(make_bot, tech):
    stranger, path = make_bot(), f"{PATH}/{tech['id']}"

    for answer in (
        stranger.get(path),
        stranger.send("put", path, {"name": "mine"}),
        stranger.post(path, {"symbol": "IBM"}),
        stranger.delete(path),
        stranger.delete(f"{path}/IBM"),
        stranger.get(f"{PATH}:by_name", name="tech"),
    ):
        assert refusal(answer) == (404, 40410000)
    assert Watchlist.objects.get().name == "tech"
    assert Watchlist.objects.get().deleted_at is None


@pytest.mark.parametrize("name", ["0d6f8a10-3f1d-4f0e-9d52-1c2b3a4d5e6f", "nope", "%00"])
def test_a_list_that_is_not_there_is_not_found(bot, name):
    assert refusal(bot.get(f"{PATH}/{name}")) == (404, 40410000)
    assert refusal(bot.get(f"{PATH}:by_name?name={name}")) == (404, 40410000)


def test_by_name_without_a_name_is_refused(bot):
    assert refusal(bot.get(f"{PATH}:by_name")) == (422, 40010001)


def test_an_account_has_a_bounded_number_of_lists(bot):
    for number in range(WATCHLISTS_MAX):
        make_watchlist(bot.account, name=f"list {number}")

    assert refusal(bot.post(PATH, {"name": "one too many"})) == (422, 42210000)
    assert Watchlist.objects.count() == WATCHLISTS_MAX


def test_lists_and_their_assets_take_as_many_queries_for_500_as_for_one(bot, ibm):
    def queries(path):
        bot.get(path)
        with CaptureQueriesContext(connection) as captured:
            assert bot.get(path).status_code == 200
        return len(captured)

    short = bot.post(PATH, {"name": "short", "symbols": ["IBM"]}).json()
    for_one = queries(PATH), queries(f"{PATH}/{short['id']}")
    Asset.objects.bulk_create([Asset(symbol=f"A{number}") for number in range(499)])
    with CaptureQueriesContext(connection) as captured:
        answer = bot.post(PATH, {"name": "long", "symbols": [*(f"A{n}" for n in range(499)), "IBM"]})
    assert len(captured) < 20
    for number in range(100):
        make_watchlist(bot.account, name=f"list {number}")

    assert (queries(PATH), queries(f"{PATH}/{answer.json()['id']}")) == for_one
    assert len(bot.get(f"{PATH}/{answer.json()['id']}").json()["assets"]) == 500
