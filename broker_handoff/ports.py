"""What we need of a live broker, in our words. An adapter speaks the broker's (`broker_handoff.adapters`).

Every call names its outcome by what is certain: it returns, it raises BrokerRefused (final: the broker
said no, and did nothing), BrokerUnavailable (the request certainly did not arrive), or OutcomeUnknown
(nobody knows). A submission whose outcome is unknown is resolved by `order_of`, never by sending again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from broker_handoff.states import IntentStatus
    from broker_handoff.vault import Token


class BrokerRefused(Exception):
    """The broker said no, and did nothing; the text is the broker's."""

    def __init__(self, words: str, code: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.code = code


class TokenRefused(BrokerRefused):
    """The broker does not take the token any more: the person must connect anew."""


class BrokerUnavailable(Exception):
    """The request certainly did nothing; a later one may. `retry_after_s` is the broker's wish, if it had one."""

    def __init__(self, words: str, retry_after_s: float | None = None) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s


class OutcomeUnknown(Exception):
    """The request may have been carried out: time-out, lost connection, a 5xx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccount:
    """The account that a token opens; money in dollars."""

    number: str
    is_active: bool
    is_blocked: bool
    equity: Decimal
    buying_power: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """How an order stands at the broker. `status` is ours, `word` the broker's; `at` is when it last changed."""

    id: str
    client_order_id: str
    symbol: str
    side: str
    status: IntentStatus
    word: str
    quantity: Decimal | None
    filled_quantity: Decimal
    filled_average_price: Decimal | None
    at: datetime
    submitted_at: datetime | None = None  # by the broker's clock, as are all
    filled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPosition:
    """What the broker says is held; a short position's quantity is negative."""

    symbol: str
    quantity: Decimal


class Broker(Protocol):
    """One person's account at a broker, for the length of one request. Every call has a time-out."""

    def account(self) -> BrokerAccount: ...

    def is_open(self) -> bool:
        """Say whether the broker's market takes regular orders now."""
        ...

    def submit(self, client_order_id: UUID, terms: Mapping[str, object]) -> BrokerOrder: ...

    def order_of(self, client_order_id: UUID) -> BrokerOrder | None:
        """Return the order with our id, None where the broker certainly has none."""
        ...

    def cancel(self, broker_order_id: str) -> None: ...

    def replace(
        self, broker_order_id: str, client_order_id: UUID, terms: Mapping[str, object]
    ) -> BrokerOrder: ...

    def open_orders(self) -> Sequence[BrokerOrder]: ...

    def positions(self) -> Sequence[BrokerPosition]: ...

    def updates(self) -> Iterator[BrokerOrder]:
        """Sign in to the broker's stream; return what it tells, which does not need the token any more.

        Raises as every call, and the iterator BrokerUnavailable when the stream ends.
        """
        ...


class BrokerBuilder(Protocol):
    """Makes a client for one request from a token that was just unsealed."""

    def __call__(self, token: str) -> Broker: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a broker gave for a person's consent."""

    token: Token
    scopes: tuple[str, ...]


class Consent(Protocol):
    """A broker's OAuth 2.0: a person is sent there, comes back with a code, and the code becomes a token.

    Source: RFC 6749 (4.1), RFC 7636 (PKCE, S256), RFC 7009 (revocation).
    """

    @property
    def can_revoke(self) -> bool:
        """Whether the broker takes tokens back over its API."""
        ...

    def authorize_url(self, *, state: str, code_verifier: str) -> str:
        """Return where the person says yes."""
        ...

    def exchange(self, *, code: str, code_verifier: str) -> Granted:
        """Return the token. Raises BrokerRefused, BrokerUnavailable, OutcomeUnknown: then the person begins anew."""
        ...

    def revoke(self, token: Token) -> None:
        """Take a token back; one that is void already is no error. Raises as `exchange`."""
        ...
