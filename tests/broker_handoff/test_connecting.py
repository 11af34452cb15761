"""A person says yes at the broker; the token that comes of it is sealed, and of all else there is nothing left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.utils import timezone

from accounts.errors import CoolingDown, Unavailable
from accounts.models import AuditEntry, Tier, User
from accounts.sessions import LivingSession, living_session
from broker_handoff import adapters
from broker_handoff.errors import GuardRefused
from broker_handoff.models import BrokerConnection, ConnectAttempt, SealedToken
from broker_handoff.services import connecting
from broker_handoff.services.connecting import ANOTHER, CONSENT_LIFE, TOO_LATE, ConnectFailed
from broker_handoff.services.tokens import opened
from tests.broker_handoff.people import AccountBehind, make_connection, make_trader
from tests.factories.people import make_session

if TYPE_CHECKING:
    from broker_handoff.adapters.local_keys import LocalKeys
    from tests.broker_handoff.peer.oauth import OAuthServer

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "canary-92ab"


def session_of(user: Any, **fields: Any) -> LivingSession:
    session = living_session(make_session(user, **fields))
    assert session is not None
    return session


def person(session: LivingSession) -> User:
    return User.objects.get(pk=session.user_id)


class Way:
    """One person's way to the broker and back."""

    def __init__(self, oauth: OAuthServer, keys: LocalKeys, session: LivingSession) -> None:
        self.oauth, self.keys, self.session = oauth, keys, session
        self.behind = AccountBehind()
        self.is_gate_open = True

    def begin(self, now: Any = None) -> str:
        return connecting.begin(
            session=self.session,
            consent=adapters.consent(),
            is_gate_open=lambda _: self.is_gate_open,
            now=now or timezone.now(),
        )

    def finish(self, back: dict[str, str], now: Any = None, **other: Any) -> BrokerConnection:
        given: dict[str, Any] = {"session": self.session, "consent": adapters.consent(), **other}
        return connecting.finish(
            **given,
            state=back["state"],
            code=back["code"],
            build=self.behind,
            keys=self.keys,
            is_gate_open=lambda _: self.is_gate_open,
            now=now or timezone.now(),
        )

    def go(self) -> BrokerConnection:
        return self.finish(self.oauth.visit(self.begin()))


@pytest.fixture
def way(oauth: OAuthServer, keys: LocalKeys) -> Way:
    oauth.tokens = [CANARY]
    return Way(oauth, keys, session_of(make_trader()))


def nothing_is_connected() -> bool:
    return not (BrokerConnection.objects.exists() or SealedToken.objects.exists())


def test_the_way_to_the_broker_asks_for_no_more_than_is_needed(way: Way, settings: Any) -> None:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(way.begin()).query).items()}

    assert asked["scope"] == "trading data"
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{settings.ORIGINS[0]}/live/callback"
    assert len(asked["state"]) == 43


def test_who_said_yes_is_connected_for_ninety_days_and_told_of_it(way: Way) -> None:
    now = timezone.now()
    back = way.oauth.visit(way.begin(now))

    made = way.finish(back, now)

    connection = BrokerConnection.objects.get()
    assert connection == made
    assert (connection.user_id, connection.status) == (way.session.user_id, "active")
    assert (connection.broker_account, connection.scopes) == ("PA3XYZ", ["trading", "data"])
    assert connection.consent_expires_at == now + timedelta(days=90) == now + CONSENT_LIFE
    with opened(connection, way.keys, purpose="submit") as token:
        assert token.reveal() == CANARY
    assert [message.subject for message in mail.outbox] == ["Raxx: a live broker is connected"]
    entry = AuditEntry.objects.get(action="live.connected")
    assert entry.subject == way.session.user_id
    assert "PA3XYZ" not in entry.body  # that is personal, and stands where it can be erased


def test_neither_the_verifier_nor_the_state_stands_in_the_database(way: Way) -> None:
    url = way.begin()
    state = parse_qs(urlsplit(url).query)["state"][0]
    attempt = ConnectAttempt.objects.get()

    kept = f"{attempt.session_id} {bytes(attempt.state_hash)!r} {attempt.expires_at}"
    assert state not in kept
    assert connecting._verifier(state) not in kept
    assert 43 <= len(connecting._verifier(state)) <= 128  # RFC 7636, 4.1


def test_a_state_works_once(way: Way) -> None:
    back = way.oauth.visit(way.begin())
    way.finish(back)

    with pytest.raises(ConnectFailed, match=TOO_LATE):
        way.finish(back)
    assert len([path for path, _ in way.oauth.asked if path == "/oauth/token"]) == 1


def test_a_state_is_void_after_ten_minutes(way: Way) -> None:
    now = timezone.now()
    back = way.oauth.visit(way.begin(now))

    with pytest.raises(ConnectFailed, match=TOO_LATE):
        way.finish(back, now + timedelta(minutes=10))
    assert nothing_is_connected()


def test_a_later_attempt_makes_the_earlier_one_void(way: Way) -> None:
    earlier = way.oauth.visit(way.begin())
    later = way.oauth.visit(way.begin())

    with pytest.raises(ConnectFailed, match=TOO_LATE):
        way.finish(earlier)
    assert way.finish(later).status == "active"


@pytest.mark.parametrize("is_own", [True, False], ids=["another session", "another person"])
def test_a_state_is_good_in_the_session_alone_that_began(way: Way, is_own: bool) -> None:
    back = way.oauth.visit(way.begin())
    other = session_of(person(way.session) if is_own else make_trader())

    with pytest.raises(ConnectFailed, match=TOO_LATE):
        way.finish(back, session=other)
    assert nothing_is_connected()
    assert way.finish(back).status == "active"  # and who began is not kept from it


def test_a_made_up_state_or_code_connects_nothing(way: Way) -> None:
    back = way.oauth.visit(way.begin())

    for state in ("", "x" * 43, "x" * 10_000):
        with pytest.raises(ConnectFailed, match=TOO_LATE):
            way.finish({"state": state, "code": back["code"]})
    with pytest.raises(ConnectFailed, match="the broker refused: invalid_grant"):
        way.finish({"state": back["state"], "code": "made up"})
    assert nothing_is_connected()


def test_a_code_is_worth_nothing_without_the_verifier(way: Way, settings: Any) -> None:
    back = way.oauth.visit(way.begin())
    settings.SECRET_KEY = "another installation's"

    with pytest.raises(ConnectFailed, match="invalid_grant"):
        way.finish(back)
    assert nothing_is_connected()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tier": Tier.FREE}, "the tier Pro"),
        ({"deactivated_at": timezone.now()}, "deactivated"),
    ],
    ids=["tier", "deactivated"],
)
def test_who_may_not_trade_live_does_not_get_on_the_way(way: Way, change: dict[str, Any], words: str) -> None:
    user = make_trader(**change)
    way.session = session_of(user)

    with pytest.raises(GuardRefused, match=words):
        way.begin()
    assert not ConnectAttempt.objects.exists()


def test_the_gate_is_asked_at_both_ends(way: Way) -> None:
    back = way.oauth.visit(way.begin())
    way.is_gate_open = False

    with pytest.raises(GuardRefused, match="gate"):
        way.begin()
    with pytest.raises(GuardRefused, match="gate"):
        way.finish(back)
    assert "/oauth/token" not in [path for path, _ in way.oauth.asked]


def test_who_has_just_recovered_their_access_waits(way: Way) -> None:
    way.session = session_of(make_trader(restricted_until=timezone.now() + timedelta(hours=1)))

    with pytest.raises(CoolingDown):
        way.begin()


def test_an_installation_without_live_trading_has_no_way_out(way: Way, settings: Any) -> None:
    settings.LIVE_IS_ON = False

    with pytest.raises(GuardRefused, match="not enabled"):
        way.begin()


@pytest.mark.parametrize(
    ("account", "words"),
    [({"is_active": False}, "not active"), ({"is_blocked": True}, "blocked"), ({"knows": set()}, "void")],
    ids=["inactive", "blocked", "void"],
)
def test_an_account_that_cannot_trade_is_not_connected_and_its_token_given_back(
    way: Way, account: dict[str, Any], words: str
) -> None:
    way.behind = AccountBehind(**account)

    with pytest.raises(ConnectFailed, match=words):
        way.go()
    assert nothing_is_connected()
    assert way.oauth.revoked == [CANARY]


def test_less_than_trading_is_not_enough(way: Way) -> None:
    way.oauth.scope = "data"

    with pytest.raises(ConnectFailed, match="not allowed trading"):
        way.go()
    assert way.oauth.revoked == [CANARY]


def test_what_the_broker_does_not_say_of_scopes_is_as_it_was_asked(way: Way) -> None:
    way.oauth.scope = None

    assert way.go().scopes == ["trading", "data"]


def test_a_key_service_that_is_away_keeps_nothing_in_clear(way: Way) -> None:
    way.keys.file.write_text("no key at all\n")

    with pytest.raises(Unavailable, match="key service"):
        way.go()
    assert nothing_is_connected()
    assert way.oauth.revoked == [CANARY]


def test_a_broker_that_fails_can_be_tried_again_from_the_beginning(way: Way) -> None:
    back = way.oauth.visit(way.begin())
    way.oauth.failing = 502
    with pytest.raises(Unavailable):
        way.finish(back)

    way.oauth.failing = None
    assert way.go().status == "active"


def test_who_said_no_is_as_before(way: Way) -> None:
    state = parse_qs(urlsplit(way.begin()).query)["state"][0]

    connecting.give_up(session=way.session, state=state, now=timezone.now())

    assert not ConnectAttempt.objects.exists()
    with pytest.raises(ConnectFailed):
        connecting.give_up(session=way.session, state=state, now=timezone.now())


@pytest.mark.parametrize("status", ["active", "needs_reauth"])
def test_who_connects_the_same_account_anew_has_a_new_token_and_ninety_days_more(
    way: Way, status: str
) -> None:
    earlier = way.go()
    BrokerConnection.objects.update(
        status=status, consent_expires_at=timezone.now(), token_refused_at=timezone.now()
    )
    way.oauth.tokens = ["a newer one"]

    again = way.go()

    assert again.pk == earlier.pk
    connection = BrokerConnection.objects.get()
    assert (connection.status, connection.token_refused_at) == ("active", None)
    assert connection.consent_expires_at > timezone.now() + timedelta(days=89)
    with opened(connection, way.keys, purpose="submit") as token:
        assert token.reveal() == "a newer one"


def test_another_account_waits_until_the_first_is_disconnected(way: Way) -> None:
    way.go()
    way.behind.number = "PA3OTHER"
    way.oauth.tokens = ["of another"]

    with pytest.raises(ConnectFailed, match=ANOTHER):
        way.go()
    assert BrokerConnection.objects.get().broker_account == "PA3XYZ"
    assert way.oauth.revoked == ["of another"]
    with opened(BrokerConnection.objects.get(), way.keys, purpose="submit") as token:
        assert token.reveal() == CANARY


def test_of_two_that_finish_at_a_time_one_is_connected(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    back = way.oauth.visit(way.begin())
    connect = connecting._connect

    def slower(*given: Any) -> BrokerConnection:
        make_connection(user=person(way.session), broker_account="PA3OTHER")
        return connect(*given)

    monkeypatch.setattr(connecting, "_connect", slower)
    with pytest.raises(ConnectFailed, match=ANOTHER):
        way.finish(back)
    assert BrokerConnection.objects.get().broker_account == "PA3OTHER"
    assert way.oauth.revoked == [CANARY]
