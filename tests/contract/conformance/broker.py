"""The installation under test, and the operator's hand on it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import LimitOrderRequest

from tests.contract.conformance.listener import PATIENCE_S, Listener
from tests.contract.conformance.schedule import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from tests.acceptance.house import House


@dataclass
class Broker:
    """An address and a key with every scope. `house` is None when somebody else runs the processes."""

    base_url: str
    key_id: str
    secret: str
    account_id: str
    house: House | None = None
    has_failed: bool = False  # then its folder is worth a look
    client: TradingClient = field(init=False)
    listener: Listener = field(init=False)

    def __post_init__(self) -> None:
        self.client = TradingClient(self.key_id, self.secret, url_override=self.base_url)
        self.listener = Listener(self.key_id, self.secret, self.url("/stream", "ws"))
        self._operator = requests.Session()
        self._operator.headers.update(self.headers)

    def url(self, path: str, scheme: str = "http") -> str:
        return self.base_url.replace("http", scheme, 1) + path

    @property
    def headers(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self.key_id, "APCA-API-SECRET-KEY": self.secret}

    @property
    def token(self) -> str:
        """Return the key pair as a bearer token."""
        return f"{self.key_id}.{self.secret}"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the account's updates while the block lasts."""
        self.listener.start(self._knock)
        try:
            yield
        finally:
            self.listener.stop(self._knock)

    def _knock(self) -> None:
        self.client.cancel_order_by_id(self.mark())

    def mark(self) -> UUID:
        """Place an order far from the market, of one dollar; return its id."""
        terms = LimitOrderRequest(symbol=MARK, qty=1, side="buy", time_in_force="gtc", limit_price=1)
        order = self.client.submit_order(terms)
        return order.id

    def tape(self) -> dict[str, Any]:
        """Return where the tape stands."""
        return self._asked("GET", "/raxx/v1/market/tape")

    def advance(self, to: datetime) -> None:
        """Move the tape; done when every decision up to the instant is committed."""
        self._asked("POST", "/raxx/v1/market/tape/advance", {"to": to.isoformat()})

    def restart(self) -> None:
        """Begin the tape anew."""
        self._asked("POST", "/raxx/v1/market/tape/restart")

    def reset(self) -> None:
        """Give the account 100,000 dollars and no past."""
        told = self._asked("POST", f"/raxx/v1/accounts/{self.account_id}/reset", {"cash": "100000"})
        assert told["status"] == "active", told

    def _asked(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self._operator.request(method, self.url(path), json=body, timeout=PATIENCE_S)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json()
        return told
