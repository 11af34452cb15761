"""Alpaca's stream of trade updates, for an OAuth token. The SDK's own stream knows keys alone.

Source: Alpaca's page on websocket streaming: `authenticate` with `oauth_token`, then `listen`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
from websockets.sync.client import connect

from broker_handoff.ports import BrokerUnavailable, TokenRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_S = 10.0
MESSAGE_MAX = 1_000_000  # bytes


def updates(api_url: str, token: str, *, connect_s: float) -> Iterator[dict[str, Any]]:
    """Yield the orders of the updates, until the caller closes. Raises TokenRefused, BrokerUnavailable at the end."""
    url = api_url.replace("http", "ws", 1) + "/stream"
    try:
        with connect(url, open_timeout=connect_s, max_size=MESSAGE_MAX) as socket:
            socket.send(json.dumps({"action": "authenticate", "data": {"oauth_token": token}}))
            told = _message(socket.recv(timeout=ANSWER_S))
            if told["data"].get("status") != "authorized":
                raise TokenRefused("the broker's stream does not take the token")
            socket.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
            for raw in socket:
                told = _message(raw)
                if told.get("stream") == "trade_updates":
                    yield told["data"]["order"]
    except (OSError, TimeoutError, WebSocketException, InvalidHandshake, InvalidURI) as error:
        raise BrokerUnavailable(f"the broker's stream broke: {type(error).__name__}") from None
    except (KeyError, ValueError, TypeError):
        raise BrokerUnavailable("the broker's stream says something that we do not know") from None
    raise BrokerUnavailable("the broker's stream has ended")


def _message(raw: str | bytes) -> dict[str, Any]:
    told = json.loads(raw)
    if not isinstance(told, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of trouble
    return told
