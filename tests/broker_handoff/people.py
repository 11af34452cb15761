"""People with a live connection, as rows, and the broker that their tokens open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from accounts.models import Tier, User
from broker_handoff.models import BrokerConnection
from broker_handoff.ports import BrokerAccount, TokenRefused
from broker_handoff.services.tokens import sealed_for, store
from broker_handoff.vault import Token
from tests.factories.rows import make_user

if TYPE_CHECKING:
    from broker_handoff.vault import KeyService


def make_trader(**fields: Any) -> User:
    """Insert a person whose tier has live trading."""
    return make_user(**{"tier": Tier.PRO, **fields})


def make_connection(
    user: User | None = None, *, token: str | None = None, keys: KeyService | None = None, **fields: Any
) -> BrokerConnection:
    """Insert a connection, with a token that these keys have sealed if one is given."""
    now = timezone.now()
    defaults: dict[str, Any] = {
        "broker_account": "PA3XYZ",
        "scopes": ["trading", "data"],
        "consent_expires_at": now + timedelta(days=90),
    }
    user = user or make_trader()
    connection = BrokerConnection.objects.create(user=user, **{**defaults, **fields})
    if token is not None:
        assert keys is not None
        store(connection, sealed_for(user.pk, connection.pk, Token(token), keys))
    return connection


@dataclass
class AccountBehind:
    """The account that a token opens, as a broker's adapter tells of it."""

    number: str = "PA3XYZ"
    is_active: bool = True
    is_blocked: bool = False
    knows: set[str] | None = None  # tokens; None: any
    seen: list[str] = field(default_factory=list)

    def __call__(self, token: str) -> Any:
        """Build a client for one request, as `broker_handoff.ports.BrokerBuilder`."""
        self.seen.append(token)
        if self.knows is not None and token not in self.knows:
            raise TokenRefused("access token is void", code="401")
        return self

    def account(self) -> BrokerAccount:
        return BrokerAccount(
            number=self.number,
            is_active=self.is_active,
            is_blocked=self.is_blocked,
            equity=Decimal(1),
            buying_power=Decimal(1),
        )
