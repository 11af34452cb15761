"""/raxx/v1/accounts: several accounts of one person, and what their other paths show after a reset."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey
from matching.models import Market
from tests.api.conftest import Bot, refusal
from tests.factories.rows import NOON, make_account, make_api_key, make_market
from tests.factories.sessions import every_owned_row
from trading.ledger_audit import audit_ledger
from trading.models import Order, TradingAccount
from trading.services import own_accounts
from trading.services.settling import settle_accounts

if TYPE_CHECKING:
    from tests.factories.desk import Desk

PATH = "/raxx/v1/accounts"
NOBODYS = "01a206b7-bd3b-75cc-90b2-57bc5c83bf58"
FORBIDDEN, MISSING, INVALID, BROKEN = (403, 40310000), (404, 40410000), (422, 40010001), (422, 42210000)


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer at once where orders are open: the matcher of these tests acts only when it is told."""
    monkeypatch.setattr(own_accounts, "SETTLED_WITHIN_S", 0.0)


@pytest.fixture
def owner(make_bot: Any) -> Bot:
    """Return the bot of a Pro user, whose key may do everything."""
    made: Bot = make_bot(scopes=["read", "trade", "data", "operator"], name="First")
    made.account.user.tier = "pro"
    made.account.user.save(update_fields=["tier"])
    return made


@pytest.fixture
def second(owner: Bot, market: Market) -> TradingAccount:
    """Return another account of the same person."""
    return make_account(owner.account.user, market=market, cash=50, name="Second")


def one(account: TradingAccount, more: str = "") -> str:
    return f"{PATH}/{account.pk}{more}"


def test_an_account_is_opened_beside_the_first(owner: Bot, market: Market) -> None:
    answer = owner.post(PATH, {"name": "Swing", "cash": "2500.50", "profile": "instant", "multiplier": 2})

    made = answer.json()
    assert answer.status_code == 201
    assert made == {
        "id": made["id"],
        "account_number": made["account_number"],
        "name": "Swing",
        "status": "active",
        "market": market.name,
        "profile": {"name": "instant", "version": 1},
        "multiplier": "2",
        "currency": "USD",
        "cash": "2500.5",
        "generation": 1,
        "exits_only": False,
        "created_at": "2013-10-08T16:00:00Z",
        "reset_at": None,
        "generations": [
            {"generation": 1, "began_at": "2013-10-08T16:00:00Z", "since_id": "0", "until_id": None}
        ],
        "reset": None,
    }
    account = TradingAccount.objects.get(pk=made["id"])
    assert (account.user_id, account.created_at) == (owner.account.user_id, NOON)
    assert audit_ledger(account.pk).balances
    assert Bot(account, make_api_key(account)).order(limit_price="10").status_code == 200


def test_what_is_not_said_is_as_usual(owner: Bot) -> None:
    made = owner.post(PATH, {}).json()

    assert (made["name"], made["cash"], made["profile"]["name"], made["multiplier"]) == (
        "", "100000", "displayed", "4",
    )  # fmt: skip


def test_a_new_account_is_in_the_active_market(owner: Bot) -> None:
    Market.objects.update(is_active=False)
    other = make_market(is_active=True, config={"symbols": []})

    assert owner.post(PATH, {}).json()["market"] == other.name


@pytest.mark.parametrize(("tier", "most"), [("free", 1), ("pro", 5), ("pro_plus", 25)])
def test_a_tier_allows_so_many_open_accounts(owner: Bot, market: Market, tier: str, most: int) -> None:
    owner.account.user.tier = tier
    owner.account.user.save(update_fields=["tier"])
    others = [make_account(owner.account.user, market=market) for _ in range(most - 1)]

    refused = owner.post(PATH, {})

    assert refusal(refused) == BROKEN
    assert refused.json()["message"] == f"your tier allows {most} open account{'' if most == 1 else 's'}"
    if others:
        assert owner.post(one(others[0], "/archive")).status_code == 200
        assert owner.post(PATH, {}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"cash": "0"},
        {"cash": -5},
        {"cash": "0.001"},
        {"cash": "1e13"},
        {"cash": "much"},
        {"multiplier": 3},
        {"profile": "wishful"},
        {"name": "n" * 65},
        {"name": "two\nlines"},
    ],
)
def test_what_cannot_be_opens_nothing(owner: Bot, body: dict[str, Any]) -> None:
    before = every_owned_row()

    assert refusal(owner.post(PATH, body)) == INVALID
    assert every_owned_row() == before


def test_a_person_lists_their_own_accounts_and_nobody_else_s(
    owner: Bot, second: TradingAccount, make_bot: Any
) -> None:
    make_bot()

    listed = owner.get(PATH).json()

    assert [each["name"] for each in listed] == ["First", "Second"]
    assert owner.get(one(second)).json() == {**listed[1],
        "generations": [{"generation": 1, "began_at": listed[1]["created_at"], "since_id": "0", "until_id": None}],
        "reset": None
    }  # fmt: skip


def test_closed_accounts_are_listed_where_they_are_asked_for(owner: Bot, second: TradingAccount) -> None:
    owner.post(one(second, "/archive"))

    def names(**query: str) -> list[str]:
        return [each["name"] for each in owner.get(PATH, **query).json()]

    assert names() == names(status="open") == ["First"]
    assert names(status="closed") == ["Second"]
    assert names(status="all") == ["First", "Second"]
    assert refusal(owner.get(PATH, status="lost")) == INVALID


def test_a_list_of_many_asks_the_database_as_often_as_a_list_of_one(owner: Bot, market: Market) -> None:
    owner.get(PATH)

    def queries() -> int:
        with CaptureQueriesContext(connection) as context:
            assert owner.get(PATH).status_code == 200
        return len(context)

    first = queries()
    for _ in range(4):
        make_account(owner.account.user, market=market)
    assert queries() == first


def test_another_person_s_account_is_not_there_for_anything(owner: Bot, make_bot: Any) -> None:
    stranger = make_bot(scopes=["read", "operator"])
    stranger.get("/v2/account")  # from here on the use of the key is written down
    before = every_owned_row()

    for path in (one(owner.account), f"{PATH}/{NOBODYS}"):
        for answer in (
            stranger.get(path),
            stranger.patch(path, {"name": "mine"}),
            stranger.patch(path, {"profile": "instant"}),
            stranger.post(f"{path}/reset", {}),
            stranger.post(f"{path}/archive"),
        ):
            assert refusal(answer) == MISSING
    assert every_owned_row() == before


def test_to_read_needs_one_scope_and_to_change_another(owner: Bot, make_bot: Any) -> None:
    reader, trader, operator = (
        Bot(owner.account, make_api_key(owner.account, scopes=[scope]))
        for scope in ("read", "trade", "operator")
    )
    mine = one(owner.account)

    assert reader.get(PATH).status_code == reader.get(mine).status_code == 200
    assert refusal(operator.get(PATH)) == refusal(trader.get(PATH)) == FORBIDDEN
    for bot in (reader, trader):
        for answer in (
            bot.post(PATH, {}), bot.patch(mine, {"name": "x"}), bot.post(f"{mine}/reset"), bot.post(f"{mine}/archive"),
        ):  # fmt: skip
            assert refusal(answer) == FORBIDDEN
    assert operator.patch(mine, {"name": "x"}).status_code == 200


def test_an_account_is_renamed_and_given_a_profile(owner: Bot, second: TradingAccount) -> None:
    changed = owner.patch(one(second), {"name": "Calm", "profile": "instant"}).json()

    assert (changed["name"], changed["profile"]["name"]) == ("Calm", "instant")
    assert owner.patch(one(second), {}).json() == changed
    assert refusal(owner.patch(one(second), {"profile": "wishful", "name": "no"})) == INVALID
    assert owner.get(one(second)).json() == changed
    owner.post(one(second, "/archive"))
    assert refusal(owner.patch(one(second), {"profile": "displayed"})) == BROKEN
    assert owner.patch(one(second), {"name": "Old"}).json()["name"] == "Old"


# Reset


@pytest.fixture
def ended(owner: Bot, holding: Any, desk: Desk) -> Any:
    """Return a function that gives the account a history, and resets it; it returns the answer."""

    def end(**body: Any) -> Any:
        bought = owner.order(client_order_id="bought").json()["id"]
        desk.decide((bought, "new"), (bought, "fill", "10", "100"))
        waiting = owner.order(client_order_id="waiting", limit_price="90").json()["id"]
        desk.decide((waiting, "new"))
        first = owner.post(one(owner.account, "/reset"), body)
        assert (first.status_code, first.json()["status"]) == (202, "resetting")
        desk.decide((waiting, "canceled"))
        return owner.post(one(owner.account, "/reset"), body)

    return end


def test_a_reset_waits_for_open_orders_and_says_so(owner: Bot, desk: Desk) -> None:
    waiting = owner.order().json()["id"]
    desk.decide((waiting, "new"))

    answer = owner.post(one(owner.account, "/reset"), {"cash": "700"})

    assert answer.status_code == 202
    assert answer.json()["status"] == "resetting"
    assert {**answer.json()["reset"], "asked_at": ""} == {"generation": 2, "cash": "700", "asked_at": ""}
    assert owner.get(f"/v2/orders/{waiting}").json()["status"] == "pending_cancel"
    refused = owner.order(client_order_id="too early")
    assert refusal(refused) == FORBIDDEN
    assert "being reset" in refused.json()["message"]
    assert owner.get("/v2/account").json()["status"] == "ACCOUNT_UPDATED"
    desk.decide((waiting, "canceled"))
    settle_accounts()
    assert owner.get(one(owner.account)).json()["generation"] == 2
    assert owner.get("/v2/account").json()["cash"] == "700"
    assert owner.order().status_code == 403  # for want of money alone
    assert owner.order(qty="1").status_code == 200


def test_after_a_reset_lists_show_the_new_generation_and_the_old_one_where_it_is_named(
    owner: Bot, ended: Any, desk: Desk
) -> None:
    answer = ended(cash="5000", generation=1)
    assert answer.status_code == 200
    again = owner.order(client_order_id="bought", qty="1").json()

    def names(**query: Any) -> set[str]:
        return {each["client_order_id"] for each in owner.get("/v2/orders", status="all", **query).json()}

    assert names() == names(generation=2) == {"bought"}
    assert names(generation=1) == {"bought", "waiting"}
    assert names(generation=3) == set()
    by_name = "/v2/orders:by_client_order_id"
    assert owner.get(by_name, client_order_id="bought").json()["id"] == again["id"]
    old = owner.get(by_name, client_order_id="bought", generation=1).json()
    assert old["status"] == "filled"
    assert owner.get(f"/v2/orders/{old['id']}").json() == old
    assert owner.get(f"/raxx/v1/orders/{old['id']}/explanation").status_code == 200
    assert refusal(owner.get(by_name, client_order_id="waiting")) == MISSING
    assert refusal(owner.get("/v2/orders", generation="first")) == INVALID
    assert owner.get("/v2/positions").json() == []


def test_activities_tell_of_what_was_taken_out_and_of_what_came_in(owner: Bot, ended: Any) -> None:
    ended(cash="5000", generation=1)

    def told(**query: Any) -> list[tuple[str, str | None]]:
        path = "/v2/account/activities"
        return [
            (each["activity_type"], each.get("net_amount"))
            for each in owner.get(path, direction="asc", **query).json()
        ]

    assert told() == [("CSD", "5000")]
    assert told(generation=1) == [("CSD", "100000"), ("FILL", None), ("JNLC", "-99000")]
    assert (
        told(generation=1, activity_types="JNL")
        == told(generation=1, activity_types="JNLC")
        == [("JNLC", "-99000")]
    )
    old = Order.objects.get(client_order_id="bought")
    assert told(order_id=old.pk) == [("FILL", None)]


def test_figures_of_today_begin_anew(owner: Bot, ended: Any, show: Any, desk: Desk) -> None:
    show(last="110", close="100")
    ended(cash="5000", generation=1)

    account = owner.get("/v2/account").json()
    assert (account["cash"], account["equity"], account["last_equity"]) == ("5000", "5000", "5000")

    order_id = owner.order().json()["id"]
    desk.decide((order_id, "new"), (order_id, "fill", "10", "100"))
    (position,) = owner.get("/v2/positions").json()
    assert (position["qty"], position["cost_basis"], position["unrealized_intraday_pl"]) == (
        "10",
        "1000",
        "100",
    )
    assert audit_ledger().balances


def test_the_portfolio_s_history_begins_with_the_reset(owner: Bot, ended: Any, show: Any) -> None:
    ended(cash="5000", generation=1)
    TradingAccount.objects.update(created_at=NOON - timedelta(days=7))
    Market.objects.update(anchor_at=NOON + timedelta(hours=2))

    found = owner.get(
        "/v2/account/portfolio/history", period="5D", timeframe="1H", cashflow_types="ALL"
    ).json()

    assert set(found["equity"]) == {5000.0}
    assert set(found["profit_loss"]) == {0.0}
    assert found["base_value"] == 5000.0


def test_generations_say_which_events_are_theirs(owner: Bot, ended: Any) -> None:
    answer = ended(cash="5000", generation=1).json()
    last = TradingAccount.objects.get(pk=owner.account.pk).event_seq

    assert [(each["generation"], each["since_id"], each["until_id"]) for each in answer["generations"]] == [
        (1, "0", str(last)), (2, str(last), None),
    ]  # fmt: skip


def test_a_repeated_reset_does_not_end_the_next_generation(owner: Bot, ended: Any) -> None:
    ended(cash="5000", generation=1)
    before = every_owned_row()

    assert owner.post(one(owner.account, "/reset"), {"generation": 1}).json()["generation"] == 2
    for later in (3, 99_999_999_999_999, 10**30):
        assert refusal(owner.post(one(owner.account, "/reset"), {"generation": later})) == INVALID
    assert owner.post(one(owner.account, "/reset"), {"generation": -(10**15)}).json()["generation"] == 2
    assert every_owned_row() == before


def test_a_reset_needs_no_body_and_takes_no_wrong_one(owner: Bot) -> None:
    path = one(owner.account, "/reset")

    assert owner.post(path, b"").json()["generation"] == 2
    assert owner.post(path, {}).json()["cash"] == "100000"
    for body, expected in [({"cash": "0"}, INVALID), ({"cash": "0.009"}, INVALID), ([], (400, 40010000))]:
        assert refusal(owner.post(path, body)) == expected
    assert TradingAccount.objects.get().generation == 3


def test_while_the_market_does_not_run_open_orders_are_in_the_way(owner: Bot) -> None:
    owner.order()
    Market.objects.update(is_active=False)

    for end in ("/reset", "/archive"):
        refused = owner.post(one(owner.account, end), {})
        assert refusal(refused) == BROKEN
        assert "is not running" in refused.json()["message"]


def test_the_keys_of_a_reset_account_go_on(owner: Bot, ended: Any) -> None:
    ended(cash="5000", generation=1)

    assert not ApiKey.objects.filter(revoked_at__isnull=False).exists()
    assert owner.get("/v2/account").json()["account_number"] == owner.account.number


# Archive


def test_an_archived_account_is_readable_by_its_owner_s_other_keys(
    owner: Bot, second: TradingAccount, desk: Desk
) -> None:
    bot = Bot(second, make_api_key(second, scopes=["read", "trade"]))
    order_id = bot.order(qty="1", limit_price="10").json()["id"]

    assert owner.post(one(second, "/archive")).status_code == 202
    assert owner.get(one(second)).json()["status"] == "closing"
    desk.decide((order_id, "canceled"))
    answer = owner.post(one(second, "/archive"))

    assert (answer.status_code, answer.json()["status"]) == (200, "closed")
    assert refusal(bot.get("/v2/account")) == (401, 40110000)
    assert refusal(bot.order()) == (401, 40110000)
    assert owner.get(one(second)).json()["cash"] == "50"
    reader = Bot(second, make_api_key(second, scopes=["read"]))
    assert reader.get(f"/v2/orders/{order_id}").json()["status"] == "canceled"
    assert TradingAccount.objects.get(pk=second.pk).cash == Decimal(50)


def test_the_key_of_an_account_that_archives_itself_ends_with_the_answer(owner: Bot) -> None:
    assert owner.post(one(owner.account, "/archive")).json()["status"] == "closed"
    assert refusal(owner.get(PATH)) == (401, 40110000)
