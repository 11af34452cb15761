"""A broker's OAuth 2.0 for the tests: authorize, token and revoke over real HTTP, and as strict as one should be.

Whoever comes to its page says yes at once. Source: RFC 6749 (4.1), RFC 7636 (S256), RFC 7009.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Api = Callable[[str, str, str], tuple[int, dict[str, Any]]]  # method, path, bearer token

NO_CONTENT = 204
CLIENT_ID, CLIENT_SECRET = "raxx-of-the-tests", "a secret of the client's"


@dataclass
class OAuthServer:
    """What it has given out and taken back. `tokens` are given out next; `failing` is a status that it answers."""

    url: str = ""
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    tokens: list[str] = field(default_factory=list)
    scope: str | None = "trading data"
    failing: int | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path and parameters, in order
    living: set[str] = field(default_factory=set)
    revoked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    api: Api | None = None  # what it answers under /v2, where a test needs no whole broker behind

    def settings(self) -> dict[str, str]:
        """Return the settings of an installation whose broker it is."""
        return {
            "BROKER_AUTHORIZE_URL": f"{self.url}/oauth/authorize",
            "BROKER_TOKEN_URL": f"{self.url}/oauth/token",
            "BROKER_REVOKE_URL": f"{self.url}/oauth/revoke",
            "BROKER_CLIENT_ID": self.client_id,
            "BROKER_CLIENT_SECRET": self.client_secret,
        }

    def visit(self, authorize_url: str) -> dict[str, str]:
        """Do what a browser does there, and return what it is sent back with."""
        answer = urllib3.request("GET", authorize_url, redirect=False, timeout=10, retries=False)
        assert answer.status == 302, answer.data
        return _one_each(urlsplit(answer.headers["Location"]).query)

    def authorize(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Send the person back with a code. What is wrong is told to nobody but the tests."""
        needed = {"response_type": "code", "client_id": self.client_id, "code_challenge_method": "S256"}
        if any(asked.get(name) != value for name, value in needed.items()) or not asked.get("state"):
            return 400, {"error": "invalid_request"}
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return 302, {"Location": f"{asked['redirect_uri']}?{back}"}

    def token(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Exchange a code, once, for whoever knows its verifier and the client's secret."""
        if not self._is_client(asked):
            return 401, {"error": "invalid_client"}
        first = self.codes.pop(asked.get("code", ""), None)
        challenge = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        is_same = first is not None and (
            first["redirect_uri"] == asked.get("redirect_uri")
            and first["code_challenge"] == base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        )
        if asked.get("grant_type") != "authorization_code" or not is_same:
            return 400, {"error": "invalid_grant", "error_description": "the code is not good (any more)"}
        token = self.tokens.pop(0) if self.tokens else secrets.token_urlsafe(24)
        self.living.add(token)
        said = {} if self.scope is None else {"scope": self.scope}
        return 200, {"access_token": token, "token_type": "bearer", **said}

    def revoke(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Take a token back; one that is void already is fine."""
        if not self._is_client(asked):
            return 401, {"error": "invalid_client"}
        self.living.discard(asked["token"])
        self.revoked.append(asked["token"])
        return 200, {}

    def _is_client(self, asked: dict[str, str]) -> bool:
        return (asked.get("client_id"), asked.get("client_secret")) == (self.client_id, self.client_secret)


class _Handler(BaseHTTPRequestHandler):
    state: ClassVar[OAuthServer]

    def do_GET(self) -> None:
        self._answer(_one_each(urlsplit(self.path).query))

    def do_DELETE(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._answer(_one_each(self.rfile.read(length).decode()))

    def _answer(self, asked: dict[str, str]) -> None:
        state, path = self.state, urlsplit(self.path).path
        if path.startswith("/v2/"):
            assert state.api is not None
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self._send(*state.api(self.command, path, bearer))
            return
        state.asked.append((path, asked))
        if state.failing is not None:
            self._send(state.failing, {})
            return
        answers = {
            "/oauth/authorize": state.authorize,
            "/oauth/token": state.token,
            "/oauth/revoke": state.revoke,
        }
        self._send(*answers[path](asked))

    def _send(self, status: int, content: dict[str, Any]) -> None:
        self.send_response(status)
        if "Location" in content:
            self.send_header("Location", content["Location"])
        if status == NO_CONTENT:
            self.end_headers()
            return
        body = json.dumps(content).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked stands in `asked`."""


@contextmanager
def oauth_server() -> Iterator[OAuthServer]:
    """Run one while the block lasts."""
    state = OAuthServer()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _one_each(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
