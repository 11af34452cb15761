"""Alpaca's stream of trade updates, for an OAuth token. The SDK's own stream knows keys alone.

Source: Alpaca's page on websocket streaming: `authenticate` with `oauth_token`, then `listen`.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from broker_handoff.ports import BrokerUnavailable, TokenRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

UPDATES = "trade_updates"
ANSWER_S = 10.0
MESSAGE_MAX = 1_000_000  # bytes


def updates(api_url: str, token: str, *, connect_s: float) -> Iterator[dict[str, Any]]:
    """Connect and sign in, and return the orders of the updates; the token is not kept for it.

    The iterator goes on until the caller closes it, and ends by BrokerUnavailable.
    Raises TokenRefused, BrokerUnavailable.
    """
    url = api_url.replace("http", "ws", 1) + "/stream"
    with ExitStack() as opening:
        with _named():
            socket = opening.enter_context(connect(url, open_timeout=connect_s, max_size=MESSAGE_MAX))
            _sign_in(socket, token)
        return _orders(socket, opening.pop_all())


def _sign_in(socket: ClientConnection, token: str) -> None:
    socket.send(json.dumps({"action": "authenticate", "data": {"oauth_token": token}}))
    told = _message(socket.recv(timeout=ANSWER_S))
    if told["data"].get("status") != "authorized":
        raise TokenRefused("the broker's stream does not take the token")
    socket.send(json.dumps({"action": "listen", "data": {"streams": [UPDATES]}}))
    told = _message(socket.recv(timeout=ANSWER_S))
    # What happens from this answer on is told; what happened before is not.
    if told["stream"] != "listening" or UPDATES not in told["data"]["streams"]:
        raise BrokerUnavailable("the broker's stream does not tell of orders")


def _orders(socket: ClientConnection, closing: ExitStack) -> Iterator[dict[str, Any]]:
    with _named(), closing:
        for raw in socket:
            told = _message(raw)
            if told.get("stream") == UPDATES:
                yield told["data"]["order"]
    raise BrokerUnavailable("the broker's stream has ended")


@contextmanager
def _named() -> Iterator[None]:
    """Tell what can break in our words, none of which holds what was sent."""
    try:
        yield
    except (OSError, TimeoutError, WebSocketException) as error:
        raise BrokerUnavailable(f"the broker's stream broke: {type(error).__name__}") from None
    except (KeyError, ValueError, TypeError, AttributeError):
        raise BrokerUnavailable("the broker's stream says something that we do not know") from None


def _message(raw: str | bytes) -> dict[str, Any]:
    told = json.loads(raw)
    if not isinstance(told, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of trouble
    return told
