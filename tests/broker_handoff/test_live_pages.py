"""The live pages, by a browser's requests: what each state says, and that no stranger sees anything of it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models.user import new_id
from broker_handoff.models import BrokerConnection, BrokerDifference, GateOverride, IntentEvent, LiveIntent
from broker_handoff.services.switches import close_as_staff, close_own
from raxx import roles
from tests.broker_handoff.guarding.conftest import make_intent
from tests.broker_handoff.people import make_connection, make_trader
from tests.broker_handoff.records import Trader, replay_at
from tests.factories.people import Browser, make_session, signed_in
from tests.factories.rows import make_user
from tests.factories.sessions import session

if TYPE_CHECKING:
    from broker_handoff.models import BrokerConnection as Connection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _live_is_on(settings: Any) -> None:
    settings.LIVE_IS_ON = True


@pytest.fixture
def connection() -> Connection:
    return make_connection(make_trader())


@pytest.fixture
def browser(connection: Connection) -> Browser:
    return Browser(make_session(connection.user), connection.user)


def text_of(answer: Any) -> str:
    """Return what a page says, without its tags."""
    assert answer.status_code == 200, answer.content
    return re.sub(
        r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode().split("<body", 1)[-1]))
    )


def open_gate(user: Any) -> GateOverride:
    now = timezone.now()
    return GateOverride.objects.create(
        user=user,
        reason="a friend of the house",
        asked_by=new_id(),
        approved_by=new_id(),
        approved_at=now,
        expires_at=now + timedelta(days=30),
    )


def happened(intent: LiveIntent, *steps: tuple[str, dict[str, Any]]) -> LiveIntent:
    for number, (status, detail) in enumerate(steps):
        at = intent.created_at + timedelta(seconds=number)
        IntentEvent.objects.create(user_id=intent.user_id, intent=intent, at=at, status=status, detail=detail)
    return intent


def test_where_live_trading_is_off_the_page_says_so_and_offers_nothing(settings: Any) -> None:
    settings.LIVE_IS_ON = False
    page = signed_in(make_trader()).get("/live")

    text = text_of(page)
    assert "Live trading is off in this installation." in text
    assert "Connecting is not possible now: live trading is not enabled here." in text
    assert b'data-do="connect"' not in page.content


def test_a_live_page_looks_like_no_paper_page(browser: Browser) -> None:
    for path in ("/live", "/live/orders", "/live/connected"):
        page = browser.get(path).content.decode()
        assert '<body class="live">' in page
        assert '<span class="badge">Live</span>' in page
        assert "paper" not in re.findall(r'<body class="([^"]*)"', page)[0]


def test_the_gate_s_report_shows_each_line_of_each_month(transactional_db: None, settings: Any) -> None:
    settings.GATE_FEEDS = ["replay"]
    with session(roles.APP) as app, session(roles.WORKER) as worker:
        trader = Trader.begin(app, worker, replay_at(), make_trader())
        trader.good_record()
    page = signed_in(trader.account.user).get("/live")

    text = text_of(page)
    assert "3 of 3 months in a row" in text
    assert re.search(r"May 2026 so far", text)
    assert text.count("counts 7 of 7 met") == 3
    assert re.search("Closed trades , met 20 at least 20 \N{EN DASH}", text)
    assert re.search(r"Closed trades , not met 0 at least 20 20 more", text)  # of the present month
    assert "your oldest, as you never named another" in text
    assert "The gate not open" in text  # there is no verdict yet
    assert '<progress max="15" value="15"' in page.content.decode()


def test_who_may_connect_is_told_what_that_means_and_who_may_not_why() -> None:
    trader = make_trader()
    browser = signed_in(trader)
    assert "the gate to live trading is not open." in text_of(browser.get("/live"))
    free = signed_in(make_user())
    assert "live trading needs the tier Pro or Pro+." in text_of(free.get("/live"))

    open_gate(trader)
    page = browser.get("/live")

    assert b'data-do="connect"' in page.content
    text = text_of(page)
    assert "Two of the staff have opened it for you until" in text
    assert "Never to move money. It ends after 90 days" in text
    close_own(owner=trader, reason="enough for today")
    assert b'data-do="connect"' not in browser.get("/live").content


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Your broker connected"),
        ({"status": "needs_reauth"}, "Nothing is sent until you connect the same account anew."),
        ({"revoked_at_broker": "waiting"}, "The broker is being asked to take the token back."),
        ({"revoked_at_broker": "done"}, "The broker has taken the token back. Here it is shredded."),
        ({"revoked_at_broker": "refused"}, "remove the access there yourself."),
    ],
    ids=["active", "needs reauth", "waiting", "revoked", "refused"],
)
def test_a_connection_says_how_it_stands(fields: dict[str, Any], words: str) -> None:
    now = timezone.now()
    if "revoked_at_broker" in fields:
        waits = fields["revoked_at_broker"] == "waiting"
        over = {"status": "disconnected", "disconnected_at": now, "disconnect_reason": "you disconnected it"}
        fields = {**fields, **over, "next_revoke_at": now if waits else None}
    connection = make_connection(make_trader(), **fields)

    text = text_of(Browser(make_session(connection.user), connection.user).get("/live"))

    assert words in text
    assert connection.broker_account in text
    assert ("Your limits" in text) == (connection.status in BrokerConnection.LIVING)


def test_the_kill_switch_is_on_every_page_and_says_who_opens_it(
    browser: Browser, connection: Connection
) -> None:
    order = make_intent(connection)
    paths = ("/live", "/live/orders", f"/live/orders/{order.pk}")
    for path in paths:
        assert "Stop all live orders" in text_of(browser.get(path))

    close_own(owner=connection.user, reason="a bad day")
    staff = make_user(is_staff=True)
    close_as_staff(operator=staff, scope="global", reason="the broker is down")

    for path in paths:
        part = text_of(browser.get(path, part="switch"))
        assert "Closed by you · a bad day" in part
        assert "Open it again" in part
        assert "Closed by the staff, for everybody · the broker is down" in part
        assert "Two of the staff must open it" in part
        assert "Stop all live orders" not in part


def test_who_cools_down_is_told_until_when(browser: Browser) -> None:
    until = timezone.now() + timedelta(hours=2)
    browser.user.restricted_until = until
    browser.user.save()

    assert f"live trading stays closed until {until:%Y-%m-%d %H:%M} UTC" in text_of(browser.get("/live"))


def test_an_order_s_page_tells_its_life_in_words(browser: Browser, connection: Connection) -> None:
    order = happened(
        make_intent(connection, status="working", broker_status="new", broker_order_id="b1"),
        ("accepted", {}),
        ("sending", {}),
        ("sending", {"unknown": "the answer was lost"}),
        ("working", {"broker_status": "new", "filled_quantity": "0"}),
        (
            "working",
            {"broker_status": "partially_filled", "filled_quantity": "0.5", "filled_average_price": "99"},
        ),
    )
    happened(make_intent(connection, kind="cancel", target=order), ("accepted", {}))

    page = browser.get(f"/live/orders/{order.pk}")

    text = text_of(page)
    told = [
        "Buy 1 IBM · limit 100 · day",
        "Accepted: it is sent in a moment",
        "No answer that counts: the answer was lost. The broker is asked before anything else.",
        "The broker calls it “new”.",
        "Filled: 0.5 at 99 on average.",
    ]
    assert [words for words in told if words not in text] == []
    assert "A cancel: Accepted" in text
    assert bytes(order.digest).hex() in text
    assert b'data-do="cancel"' in page.content
    assert b"replace-form" in page.content


@pytest.mark.parametrize(
    ("status", "reason", "words", "told"),
    [
        (
            "blocked",
            "price_distance",
            "the price 1 is 99 bps off",
            "further from the market's than the limit",
        ),
        ("refused", "broker", "insufficient buying power", "The broker said no."),
        ("lapsed", "deadline", "", "After two minutes nothing is ever sent."),
    ],
    ids=["a guard", "the broker", "the deadline"],
)
def test_an_end_gives_our_reason_and_the_words_that_were_said(
    status: str, reason: str, words: str, told: str, browser: Browser, connection: Connection
) -> None:
    now = timezone.now()
    order = make_intent(connection, status=status, reason=reason, words=words, finished_at=now)

    page = browser.get(f"/live/orders/{order.pk}")

    text = text_of(page)
    assert told in text
    assert words in text
    assert b"data-settled" in page.content  # nobody looks again
    assert b'data-do="cancel"' not in page.content


def test_a_replacement_is_told_with_all_its_terms(browser: Browser, connection: Connection) -> None:
    first = make_intent(connection, status="working")
    second = make_intent(
        connection, kind="replace", target=first, terms={"limit_price": "101"}, status="working"
    )
    third = make_intent(connection, kind="replace", target=second, terms={"qty": "3"})

    assert "Buy 3 IBM · limit 101 · day" in text_of(browser.get(f"/live/orders/{third.pk}"))


def test_the_list_is_paged_with_as_many_queries_however_many_rows(
    browser: Browser, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    def some(number: int) -> None:
        for _ in range(number):
            order = make_intent(connection, status="working")
            make_intent(connection, kind="replace", target=order, terms={"qty": "2"})

    some(13)  # the oldest replacement's target is on the next page already
    with django_assert_max_num_queries(60) as few:
        browser.get("/live/orders")
    some(13)
    with django_assert_max_num_queries(len(few)):
        page = browser.get("/live/orders")
    assert page.content.count(b'id="order-') == 25
    assert b'href="?page=2"' in page.content
    rest = browser.get("/live/orders", page="3", part="orders")
    assert rest.content.count(b'id="order-') == 2
    for page_number in ("0", "x", "-1", "99999"):
        assert browser.get("/live/orders", page=page_number).status_code == 404


def test_a_difference_is_shown_until_it_is_over(browser: Browser, connection: Connection) -> None:
    BrokerDifference.objects.create(
        user=connection.user, connection=connection, kind="position_differs", subject="IBM",
        ours={"quantity": "1"}, theirs={"quantity": "2"},
    )  # fmt: skip

    text = text_of(browser.get("/live/orders", part="differences"))

    assert "A position is not what was there at first and the fills since IBM" in text
    assert "Nothing is repaired by itself" in text


def test_a_stranger_s_order_is_not_there(connection: Connection) -> None:
    order = make_intent(connection)
    stranger = signed_in(make_trader())

    for part in ("", "?part=life"):
        assert stranger.get(f"/live/orders/{order.pk}{part}").status_code == 404
    assert str(order.pk) not in stranger.get("/live/orders").content.decode()
    assert stranger.get("/live", part="secrets").status_code == 404
