"""What a broker's OAuth answers, and does not answer, in our words; and none of it tells a secret."""

from __future__ import annotations

import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from broker_handoff.adapters.oauth import SCOPES, OAuthConsent
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown
from broker_handoff.vault import Token

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET, CODE, VERIFIER, TOKEN = "client-secret-77", "code-81", "verifier-" + "v" * 40, "token-93"
SECRETS = (SECRET, CODE, VERIFIER, TOKEN)


class Broker:
    """Answers every request with the same status and body; what it was asked is kept."""

    status = 200
    body = b"{}"
    url = ""
    headers: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[str]] = []


@pytest.fixture
def broker() -> Iterator[Any]:
    class Answers(Broker):
        asked: ClassVar[list[str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            Answers.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(Answers.status)
            for name, value in Answers.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(Answers.body)))
            self.end_headers()
            self.wfile.write(Answers.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    Answers.url = f"http://127.0.0.1:{server.server_port}"
    yield Answers
    server.shutdown()
    thread.join()
    server.server_close()


def consent_at(url: str) -> OAuthConsent:
    return OAuthConsent(
        authorize_endpoint=f"{url}/authorize",
        token_endpoint=f"{url}/token",
        revoke_endpoint=f"{url}/revoke",
        client_id="raxx",
        client_secret=SECRET,
        redirect_uri="http://localhost:8000/live/callback",
    )


def exchange(url: str) -> Any:
    return consent_at(url).exchange(code=CODE, code_verifier=VERIFIER)


def revoke(url: str) -> None:
    consent_at(url).revoke(Token(TOKEN))


def told(error: pytest.ExceptionInfo[BaseException]) -> str:
    """Return all that a log would have of an exception."""
    return "".join(traceback.format_exception(error.value)) + repr(error.value)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, b'{"error": "invalid_grant", "error_description": "too old"}', BrokerRefused, "invalid_grant: too old"),
        (401, b'{"error": "invalid_client"}', BrokerRefused, "invalid_client"),
        (200, b'{"access_token": ""}', BrokerRefused, "no bearer token"),
        (200, b'{"access_token": "token-93", "token_type": "mac"}', BrokerRefused, "no bearer token"),
        (200, b'{"token_type": "bearer"}', BrokerRefused, "no bearer token"),
        (200, b"<html>token-93</html>", OutcomeUnknown, "lost"),
        (200, b"[]", OutcomeUnknown, "lost"),
        (429, b"slow down", BrokerUnavailable, "429"),
        (503, b"<html>", BrokerUnavailable, "503"),
    ],
    ids=["grant", "client", "empty", "mac", "none", "page", "list", "too many", "away"],
)  # fmt: skip
def test_an_exchange_that_fails_says_why_and_nothing_more(
    broker: Any, status: int, body: bytes, kind: type[Exception], words: str
) -> None:
    broker.status, broker.body = status, body

    with pytest.raises(kind, match=words) as refused:
        exchange(broker.url)
    assert type(refused.value) is kind
    assert [secret for secret in SECRETS if secret in told(refused)] == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BrokerRefused), (403, BrokerRefused), (429, BrokerUnavailable), (502, BrokerUnavailable)],
)
def test_a_revocation_that_fails_is_final_or_worth_another_try(
    broker: Any, status: int, kind: type[Exception]
) -> None:
    broker.status = status

    with pytest.raises(kind) as refused:
        revoke(broker.url)
    assert [secret for secret in SECRETS if secret in told(refused)] == []


@pytest.mark.parametrize("call", [exchange, revoke])
def test_a_redirect_is_not_followed_with_a_secret_in_hand(broker: Any, call: Any) -> None:
    broker.status, broker.headers = 307, {"Location": f"{broker.url}/elsewhere"}

    with pytest.raises((BrokerRefused, OutcomeUnknown)):
        call(broker.url)
    assert len(broker.asked) == 1


@pytest.mark.parametrize("call", [exchange, revoke])
def test_a_broker_that_is_not_there_tells_no_secret(call: Any) -> None:
    with pytest.raises((BrokerUnavailable, OutcomeUnknown)) as refused:
        call("http://127.0.0.1:1")
    assert [secret for secret in SECRETS if secret in told(refused)] == []


def test_secrets_travel_in_the_body_and_the_token_hides_itself(broker: Any) -> None:
    broker.body = b'{"access_token": "token-93", "token_type": "Bearer"}'

    granted = exchange(broker.url)

    assert granted.token.reveal() == TOKEN
    assert granted.scopes == SCOPES
    assert TOKEN not in repr(granted)
    assert SECRET not in repr(consent_at(broker.url))
    assert [secret in broker.asked[0] for secret in (SECRET, CODE, VERIFIER)] == [True, True, True]
