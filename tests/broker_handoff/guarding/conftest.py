"""Somebody whom every guard lets pass, in a market that shows prices: what each test then takes away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.binding import acting_for
from accounts.models.user import new_id
from accounts.sessions import living_session
from accounts.step_up import give_assertion
from broker_handoff.models import BrokerConnection, LiveIntent
from broker_handoff.services.intents import accept_intent
from broker_handoff.terms import digest_of
from tests.api.conftest import (
    _web_process as _served_by_web,  # noqa: F401 - a fixture
    bot,  # noqa: F401 - the same
    ibm,  # noqa: F401 - the same
    make_bot,  # noqa: F401 - the same
    market,  # noqa: F401 - the same
    show,  # noqa: F401 - the same
)
from tests.broker_handoff.people import make_connection, make_trader
from tests.factories.people import Browser, as_web, make_session

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.sessions import LivingSession

TERMS = {
    "symbol": "IBM",
    "side": "buy",
    "type": "limit",
    "time_in_force": "day",
    "qty": "1",
    "limit_price": "100",
}


def make_intent(connection: BrokerConnection, **fields: Any) -> LiveIntent:
    """Insert an order that was accepted just now, worth 100 dollars unless told."""
    kind = fields.get("kind", LiveIntent.Kind.SUBMIT)
    terms = fields.setdefault("terms", TERMS if kind == LiveIntent.Kind.SUBMIT else {})
    target = fields.get("target")
    defaults: dict[str, Any] = {
        "kind": kind,
        "digest": digest_of(
            kind=kind,
            connection_id=connection.pk,
            terms=terms,
            target_id=None if target is None else target.pk,
        ),
        "notional": 100,
        "session_id": new_id(),
        "deadline_at": timezone.now() + timedelta(minutes=2),
    }
    return LiveIntent.objects.create(
        user_id=connection.user_id, connection=connection, **{**defaults, **fields}
    )


@dataclass
class Gates:
    """Whose gate is open: everybody's, until somebody is shut out."""

    shut: set[UUID] = field(default_factory=set)

    def __call__(self, user_id: UUID) -> bool:
        return user_id not in self.shut


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> Gates:
    """Return the gate that the API asks instead of people's records."""
    made = Gates()
    monkeypatch.setattr("broker_handoff.api.orders.is_gate_open", made)
    return made


@dataclass
class Trader:
    """A person with a connection, signed in, whose orders all guards let pass."""

    connection: BrokerConnection
    browser: Browser
    gates: Gates

    @property
    def user_id(self) -> UUID:
        return self.connection.user_id

    @property
    def session(self) -> LivingSession:
        found = living_session(self.browser.key)
        assert found is not None
        return found

    def says_yes(
        self, kind: str = "submit", terms: dict[str, Any] | None = None, target_id: UUID | None = None
    ) -> None:
        """Show the passkey for these terms."""
        with acting_for(self.user_id):
            give_assertion(
                self.session,
                digest_of(
                    kind=kind,
                    connection_id=self.connection.pk,
                    terms=TERMS if terms is None else terms,
                    target_id=target_id,
                ),
            )

    def accept(
        self,
        kind: str = "submit",
        terms: dict[str, Any] | None = None,
        target_id: UUID | None = None,
        **asked: Any,
    ) -> LiveIntent:
        """Have an order accepted, by the role that serves people."""
        terms = TERMS if terms is None else terms
        self.says_yes(kind, terms, target_id)
        with as_web(), acting_for(self.user_id):
            return accept_intent(
                session=self.session,
                kind=LiveIntent.Kind(kind),
                terms=terms,
                target_id=target_id,
                is_gate_open=self.gates,
                **asked,
            )


@pytest.fixture
def trader(market: Any, ibm: Any, show: Any, settings: Any, gates: Gates) -> Trader:  # noqa: F811
    """Return somebody whose order to buy one IBM at 100 dollars goes through."""
    settings.LIVE_IS_ON = True
    settings.LIVE_FEEDS = ["replay"]
    show("IBM", bid="99.9", ask="100.1")
    connection = make_connection(make_trader())
    browser = Browser(make_session(connection.user), connection.user)
    return Trader(connection, browser, gates)
