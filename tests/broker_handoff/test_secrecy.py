"""A canary among tokens goes the whole way, by a real worker, queue and broker; and is nowhere to be found.

Nor is the key that sealed it. Each place that is searched has to hold the connection's id, or the path of the
bug: a place in which nothing stands proves nothing.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import zipfile
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import redis
from django.contrib import admin
from django.core.management import call_command
from django.db import connection as database
from django.urls import reverse

from accounts.services.exports import export_now
from broker_handoff import adapters
from broker_handoff.adapters.local_keys import LocalKeys, add_key
from broker_handoff.models import BrokerConnection, LiveIntent, SealedToken
from broker_handoff.tasks import send_soon
from tests.broker_handoff.people import make_connection, make_trader
from tests.broker_handoff.wishes import make_intent
from tests.broker_handoff.worker import wait_until, worker
from tests.factories.people import signed_in
from tests.support.conftest import sign_in  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.broker_handoff.peer.oauth import OAuthServer

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "support"]),
    pytest.mark.timeout(240),
]

CANARY = "CANARY.w8Zq_3vT-0nLk7RxPb2"
END = "that was all"
TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"


class Places:
    """What was said and kept, by where."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def add(self, place: str, text: str) -> None:
        self.texts[place] = self.texts.get(place, "") + text

    def holding(self, *words: str) -> list[str]:
        """Return the places in which one of the words stands."""
        return sorted(place for place, text in self.texts.items() if any(word in text for word in words))


def forms_of(secret: bytes) -> list[str]:
    """Return how a secret might be written: as it is, in hexadecimal, and in base64 wherever it begins."""
    forms = [secret.hex(), secret.hex().upper(), repr(secret)[2:-1]]
    for before in range(3):  # only the middle of it is the same whatever stands around
        code = base64.b64encode(b"\0" * before + secret).decode()
        middle = code[4 if before else 0 : len(code) - 4]
        forms += [middle, middle.replace("+", "-").replace("/", "_")]
    return forms


def whole_database() -> str:
    """Return every row of every table as text; bytes are hexadecimal in it."""
    with database.cursor() as cursor:
        cursor.execute(TABLES)
        tables = [table for (table,) in cursor.fetchall()]
        parts = []
        for table in tables:
            cursor.execute(f'select t::text from "{table}" t')
            parts += [text for (text,) in cursor.fetchall()]
    return "\n".join(parts)


@contextmanager
def overheard(url: str) -> Iterator[list[str]]:
    """Listen to all that Valkey is told while the block lasts."""
    said: list[str] = []
    client = redis.Redis.from_url(url, socket_timeout=None)  # nobody may have a word for it for a while
    with client.monitor() as monitor:
        thread = threading.Thread(target=_listen, args=(monitor, said))
        thread.start()
        try:
            yield said
        finally:
            client.echo(END)
            thread.join()
    client.close()


def _listen(monitor: Any, said: list[str]) -> None:
    for told in monitor.listen():
        said.append(told["command"])
        if END in told["command"]:
            return


def broker_api(oauth: OAuthServer) -> Any:
    """Return a broker in Alpaca's form: the first cancel is done, the next refused; a void token opens nothing."""
    cancels = []

    def answer(method: str, path: str, bearer: str) -> tuple[int, dict[str, Any]]:
        if bearer not in oauth.living:
            return 401, {"code": 40110000, "message": "request is not authorized"}
        if path == "/v2/account":
            money = {"equity": "10", "buying_power": "10"}
            return 200, {
                "account_number": "PA3XYZ",
                "status": "ACTIVE",
                "account_blocked": False,
                "trading_blocked": False,
                **money,
            }
        if method == "DELETE":
            cancels.append(path)
            if len(cancels) == 1:
                return 204, {}
            return 422, {"code": 42210000, "message": "order is not cancelable"}
        return 404, {"code": 40410000, "message": "order not found"}

    return answer


@pytest.fixture
def keys_in_clear(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the data keys that this process has had in clear."""
    found: list[bytes] = []
    new_key = LocalKeys.new_key

    def noted(self: LocalKeys, context: Any) -> Any:
        clear, wrapped = new_key(self, context)
        found.append(clear)
        return clear, wrapped

    monkeypatch.setattr(LocalKeys, "new_key", noted)
    return found


@pytest.fixture
def debug_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Let every logger of this process say all that it has to say."""
    caplog.set_level(logging.DEBUG)
    for name in ("django", "celery", "kombu", "urllib3", "authlib", "requests", "broker_handoff"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def test_the_canary_is_nowhere(  # noqa: PLR0915 - one way, from its beginning to its end
    oauth: OAuthServer,
    valkey_url: str,
    keys_in_clear: list[bytes],
    debug_log: pytest.LogCaptureFixture,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    sign_in: Any,  # noqa: F811 - the fixture
) -> None:
    settings.BROKER_API_URL = oauth.url
    settings.KMS = "local"
    oauth.tokens, oauth.api = [CANARY], broker_api(oauth)
    for place in ("broker_handoff.api.connection", "broker_handoff.dashboard.connecting"):
        monkeypatch.setattr(f"{place}.is_gate_open", lambda _: True)
    environment = {f"RAXX_{name}": value for name, value in oauth.settings().items()}
    environment |= {"RAXX_LIVE": "on", "RAXX_BROKER_API_URL": oauth.url}
    places, log = Places(), tmp_path / "worker.log"
    browser = signed_in(make_trader())

    with overheard(valkey_url) as said, worker(log, **environment):
        # Connected.
        way = browser.get("/raxx/v1/live/connect").json()["authorize_url"]
        back = f"/live/callback?{urlencode(oauth.visit(way))}"
        places.add("pages", browser.get(back).content.decode())
        connection = BrokerConnection.objects.get()
        places.add("pages", browser.get("/raxx/v1/live/connection").content.decode())
        places.add("pages", browser.get("/live/connected").content.decode())
        places.add("database", whole_database())

        # Used, refused by the broker, refused by the vault, and wrapped anew.
        order = make_intent(connection, status="working", broker_order_id="an order")
        assert ended(cancel_of(order)).status == "done"
        assert "not cancelable" in ended(cancel_of(order)).words
        sealed = SealedToken.objects.get(pk=connection.pk)
        others = make_connection(token="another", keys=adapters.key_service())
        moved = SealedToken.objects.get(pk=others.pk)
        SealedToken.objects.filter(pk=connection.pk).update(wrapped_key=moved.wrapped_key)
        assert ended(cancel_of(order)).reason == "vault"
        places.add("database", whole_database())
        SealedToken.objects.filter(pk=connection.pk).update(wrapped_key=sealed.wrapped_key)
        add_key(adapters.key_service().file)
        out = StringIO()
        call_command("rewrap_tokens", "--json", stdout=out)
        assert json.loads(out.getvalue())["rewrapped"] == 2
        places.add("commands", f"{connection.pk} {out.getvalue()}")

        # Looked at: by a bug of ours on the way, by the staff, and by the person.
        places.add("pages", error_page(browser, oauth, monkeypatch))
        places.add("admin", admin_pages(sign_in, connection))
        archive = tmp_path / "archive.zip"
        export_now(user=browser.user, path=archive)
        with zipfile.ZipFile(archive) as file:
            for name in file.namelist():
                places.add("export", file.read(name).decode())

        # No longer good, and given back.
        oauth.living.discard(CANARY)
        ended(cancel_of(order))
        assert BrokerConnection.objects.get(pk=connection.pk).status == "needs_reauth"
        places.add("pages", browser.delete("/raxx/v1/live/connection").content.decode())
        wait_until(lambda: not SealedToken.objects.filter(pk=connection.pk).exists(), "it was not shredded")
        places.add("database", whole_database())
    assert oauth.revoked == ["of a bug", CANARY]

    places.add("queue", "\n".join(said))
    places.add("worker's log", log.read_text())
    places.add("log", debug_log.text)
    everywhere = ["admin", "commands", "database", "export", "log", "pages", "queue", "worker's log"]
    assert places.holding(str(connection.pk), str(browser.user.pk), "/live/callback") == everywhere
    assert len(keys_in_clear) >= 2
    for secret in (CANARY.encode(), CANARY.partition(".")[2].encode(), *keys_in_clear):
        assert places.holding(*forms_of(secret)) == []


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
def test_the_search_finds_what_is_written_in_any_form(before: bytes) -> None:
    secret = CANARY.encode()
    around = before + secret + b"after"
    places = Places()
    for name, text in {
        "plain": around.decode(),
        "hexadecimal": around.hex(),
        "base64": base64.b64encode(around).decode(),
        "for urls": base64.urlsafe_b64encode(around).decode(),
        "of bytes": repr(around),
        "nothing": "another word",
    }.items():
        places.add(name, text)

    assert places.holding(*forms_of(secret)) == ["base64", "for urls", "hexadecimal", "of bytes", "plain"]


def cancel_of(order: LiveIntent) -> LiveIntent:
    made = make_intent(order.connection, kind="cancel", target=order, terms={}, notional=0)
    send_soon(made.pk)
    return made


def ended(intent: LiveIntent) -> LiveIntent:
    """Wait until the worker has ended an intent, or found that the token is not good any more."""

    def is_over() -> bool:
        intent.refresh_from_db()
        intent.connection.refresh_from_db()
        return intent.finished_at is not None or intent.connection.status == "needs_reauth"

    wait_until(is_over, f"{intent.pk} is {intent.status}")
    return intent


def error_page(browser: Any, oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what is answered when a bug of ours comes up with a token in hand."""
    oauth.tokens = ["of a bug"]

    def bug() -> Any:
        def build(token: str) -> Any:
            raise RuntimeError("a bug")

        return build

    other = signed_in(make_trader())
    other_way = other.get("/raxx/v1/live/connect").json()["authorize_url"]
    back = f"/live/callback?{urlencode(oauth.visit(other_way))}"
    with monkeypatch.context() as patched:
        patched.setattr(adapters, "builder", bug)
        client = other.client()
        client.raise_request_exception = False
        answer = client.get(back)
    assert answer.status_code == 500
    text = answer.content.decode()
    assert "of a bug" not in text
    return text


def admin_pages(sign_in: Any, connection: BrokerConnection) -> str:  # noqa: F811 - the fixture's value
    """Return every list of the admin, as an almighty member of the staff sees it."""
    staff = sign_in(make_trader(is_staff=True, is_superuser=True))
    texts = [f"{connection.pk}"]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        texts.append(staff.get(reverse(name)).content.decode())
    assert len(texts) > 1
    return "\n".join(texts)
