"""Alpaca as the broker, by its own SDK's client with its retries off.

The SDK sends a request again by itself after 429 and 504, a submission too, and sets no time-out: here it does
neither. What an answer leaves certain is decided by one rule: only words in Alpaca's own form count, as "no"
and as "I have none"; a gateway's page, a broken answer and every 5xx leave the outcome unknown.

Source: alpaca-py 0.44, alpaca/common/rest.py; Alpaca's OpenAPI document of the trading API.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from requests import ConnectionError as RequestsConnectionError, RequestException, Session
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from broker_handoff.adapters import alpaca_stream
from broker_handoff.pace import PACE
from broker_handoff.ports import (
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    BrokerRefused,
    BrokerUnavailable,
    OutcomeUnknown,
    TokenRefused,
)
from broker_handoff.states import IntentStatus
from broker_handoff.vault import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from uuid import UUID

ORDERS_A_PAGE = 500
TOKEN_CODE = 40110000  # "request is not authorized"
NAME_TAKEN = "client_order_id"  # in the words of a 422: an order of this name is there
WORDS_MAX = 500

_S = IntentStatus
# Alpaca's words for an order's life. What is not here works: it is neither over nor ours to judge.
OVER = {
    "filled": _S.FILLED,
    "canceled": _S.CANCELED,
    "expired": _S.EXPIRED,
    "rejected": _S.REJECTED,
    "replaced": _S.REPLACED,
}


class _TimedSession(Session):
    """A session whose every request has time-outs, and that reads no credentials from the machine's `.netrc`.

    An answer that echoes the secret is handed on without it: its words are stored, and shown to people.
    """

    def __init__(self, connect_s: float, read_s: float, secret: str) -> None:
        super().__init__()
        self.trust_env = False
        self._timeouts = (connect_s, read_s)
        self._secret = Token(secret)

    def request(self, *args: Any, **options: Any) -> Any:
        response = super().request(*args, **{**options, "timeout": self._timeouts})
        content = response.content
        if (scrubbed := self._secret.scrubbed_from(content)) is not content:
            response._content = scrubbed  # noqa: SLF001 - requests has no other way to say it
        return response


def client_of(
    token: str,
    url: str,
    *,
    key_id: str = "",
    connect_s: float = PACE.connect_timeout_s,
    read_s: float = PACE.read_timeout_s,
) -> TradingClient:
    """Return the SDK's client for one token, or for the secret of a key, which asks once and not for ever."""
    if key_id:
        client = TradingClient(key_id, token, url_override=url, raw_data=True)
    else:
        client = TradingClient(oauth_token=token, url_override=url, raw_data=True)
    # The client takes neither; a test asserts that they still are what they were.
    client._retry = 0  # noqa: SLF001
    client._session = _TimedSession(connect_s, read_s, token)  # noqa: SLF001
    return client


@dataclass(frozen=True)
class AlpacaBroker:
    """One person's account, for one request: by an OAuth token, or by a key, whose secret `token` is then."""

    token: str
    url: str
    connect_s: float = PACE.connect_timeout_s
    read_s: float = PACE.read_timeout_s
    key_id: str = ""

    def __repr__(self) -> str:
        return f"AlpacaBroker({self.url})"  # never the token

    def account(self) -> BrokerAccount:
        """Return the account that the token opens."""
        return self._ask(lambda client: client.get("/account"), _account)

    def is_open(self) -> bool:
        """Say whether the market takes regular orders now."""
        return self._ask(lambda client: client.get("/clock"), lambda told: bool(told["is_open"]))

    def submit(self, client_order_id: UUID, terms: Mapping[str, object]) -> BrokerOrder:
        """Send an order under our id."""
        wish = {**terms, "client_order_id": str(client_order_id)}
        return self._ask(lambda client: client.post("/orders", wish), _order)

    def order_of(self, client_order_id: UUID) -> BrokerOrder | None:
        """Return the order with our id; None where Alpaca says in its own form that there is none."""
        try:
            return self._ask(
                lambda client: client.get(
                    "/orders:by_client_order_id", {"client_order_id": str(client_order_id)}
                ),
                _order,
            )
        except _NotThere:
            return None

    def cancel(self, broker_order_id: str) -> None:
        """Ask for an order's end."""
        self._ask(lambda client: client.delete(f"/orders/{broker_order_id}"), lambda _: None)

    def replace(
        self, broker_order_id: str, client_order_id: UUID, terms: Mapping[str, object]
    ) -> BrokerOrder:
        """Put a new order under our id in the place of one; return the new one."""
        wish = {**terms, "client_order_id": str(client_order_id)}
        return self._ask(lambda client: client.patch(f"/orders/{broker_order_id}", wish), _order)

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return what is open, oldest first, however much it is."""
        found: dict[str, BrokerOrder] = {}
        query: dict[str, Any] = {"status": "open", "limit": ORDERS_A_PAGE, "direction": "asc"}
        while True:
            page = self._ask(_listing(query), list)
            found |= {order.id: order for order in (_read(_order, each) for each in page)}
            last = page[-1]["submitted_at"] if page else None
            if len(page) < ORDERS_A_PAGE or last == query.get("after"):
                return list(found.values())
            query = {**query, "after": last}

    def positions(self) -> Sequence[BrokerPosition]:
        """Return what is held."""
        return self._ask(
            lambda client: client.get("/positions"), lambda told: [_position(one) for one in told]
        )

    def updates(self) -> Iterator[BrokerOrder]:
        """Sign in to the stream, by a token, and return what it tells of orders; it ends by BrokerUnavailable."""
        assert not self.key_id, "the stream is followed for people's tokens alone"
        told = alpaca_stream.updates(self.url, self.token, connect_s=self.connect_s)
        return (_read(_order, each) for each in told)

    def _ask(self, call: Callable[[TradingClient], Any], read: Callable[[Any], Any]) -> Any:
        client = client_of(
            self.token, self.url, key_id=self.key_id, connect_s=self.connect_s, read_s=self.read_s
        )
        try:
            with client._session:  # noqa: SLF001 - or its sockets would wait for the garbage collector
                told = call(client)
        except APIError as error:
            raise _judged(error) from None
        except RequestException as error:
            raise _lost(error) from None
        except ValueError:
            raise OutcomeUnknown("the broker's answer cannot be read") from None
        return _read(read, told)


def _listing(query: dict[str, Any]) -> Callable[[TradingClient], Any]:
    return lambda client: client.get("/orders", query)


class _NotThere(BrokerRefused):
    """Alpaca's own 404."""


def _judged(error: APIError) -> Exception:
    """Return what an error answer leaves certain."""
    response = error.response
    status = error.status_code or 0
    body = _own_words(str(error))
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return BrokerUnavailable("the broker says that it is asked too often", _seconds(response))
    if body is None or not 400 <= status < 500 or status == 408:  # noqa: PLR2004 - the classes of HTTP
        return OutcomeUnknown(f"the broker answered {status}")
    code, words = body
    if status == 401 or code == TOKEN_CODE:  # noqa: PLR2004
        return TokenRefused(words, str(code))
    if status == 404:  # noqa: PLR2004
        return _NotThere(words, str(code))
    if status == 422 and NAME_TAKEN in words:  # noqa: PLR2004 - so our first copy has arrived
        return OutcomeUnknown(f"the broker says: {words}")
    return BrokerRefused(words, str(code))


def _own_words(text: str) -> tuple[int, str] | None:
    """Return code and message of a body in Alpaca's form, None for any other."""
    try:
        body = json.loads(text)
        return int(body.get("code") or 0), str(body["message"])[:WORDS_MAX]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _seconds(response: Any) -> float | None:
    try:
        return float(response.headers["Retry-After"])
    except (AttributeError, KeyError, ValueError):
        return None


def _lost(error: RequestException) -> Exception:
    """Return what a failed exchange leaves certain: nothing was done only where no connection was made."""
    cause: Any = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    never = (NewConnectionError, ConnectTimeoutError, NameResolutionError)
    if isinstance(error, RequestsConnectionError) and isinstance(cause, never):
        return BrokerUnavailable(f"the broker is not reached: {type(cause).__name__}")
    # Its text may repeat the request; its kind does not.
    return OutcomeUnknown(f"the exchange with the broker broke: {type(error).__name__}")


def _read(read: Callable[[Any], Any], told: Any) -> Any:
    try:
        return read(told)
    except (KeyError, TypeError, ValueError, InvalidOperation, AttributeError):
        raise OutcomeUnknown("the broker's answer is not one that we know") from None


def _order(told: Any) -> BrokerOrder:
    word = str(told["status"])
    average = told.get("filled_avg_price")
    quantity = told.get("qty")
    at = told.get("updated_at") or told["created_at"]
    return BrokerOrder(
        id=str(told["id"]),
        client_order_id=str(told["client_order_id"]),
        symbol=str(told["symbol"]),
        side=str(told["side"]),
        status=OVER.get(word, _S.WORKING),
        word=word,
        quantity=None if quantity is None else Decimal(quantity),
        filled_quantity=Decimal(told.get("filled_qty") or 0),
        filled_average_price=None if average is None else Decimal(average),
        at=datetime.fromisoformat(at),
        submitted_at=_instant(told.get("submitted_at")),
        filled_at=_instant(told.get("filled_at")),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _account(told: Any) -> BrokerAccount:
    return BrokerAccount(
        number=str(told["account_number"]),
        is_active=told["status"] == "ACTIVE",
        is_blocked=bool(told["trading_blocked"] or told["account_blocked"]),
        equity=Decimal(told["equity"]),
        buying_power=Decimal(told["buying_power"]),
    )


def _position(told: Any) -> BrokerPosition:
    quantity = Decimal(told["qty"])
    return BrokerPosition(
        symbol=str(told["symbol"]), quantity=-abs(quantity) if told["side"] == "short" else quantity
    )
