"""A client of the API that knows one thing of every call: it was answered so, or nobody knows."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWERED_WITHIN_S = 20.0  # the broker's own patience is shorter
NOT_NOW = {429, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered."""

    status: int
    body: Any

    @property
    def message(self) -> str:
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else str(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A key to one account."""

    base_url: str
    account_id: str
    key_id: str
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self.key_id, "APCA-API-SECRET-KEY": self.secret}

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=ANSWERED_WITHIN_S)


class Client:
    """One kept connection, made anew when it broke. For one thread."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._line = login.connect()

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **more: str
    ) -> Answer | None:
        """Return the answer; None when there was none, or "not now", and the wish may have been granted.

        `more` are further headers.
        """
        headers = {**self._login.headers, **more}
        content = None
        if body is not None:
            content, headers = json.dumps(body), {**headers, "Content-Type": "application/json"}
        try:
            self._line.request(method, path, content, headers)
            answer = self._line.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self._line.close()
            return None
        if answer.status in NOT_NOW:
            return None
        return Answer(answer.status, json.loads(text) if text else None)

    def close(self) -> None:
        self._line.close()


def by_client_id(name: str) -> str:
    """Return the path of an order by its owner's name for it."""
    return f"/v2/orders:by_client_order_id?client_order_id={quote(name, safe='')}"
