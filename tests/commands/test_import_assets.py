"""`manage.py import_assets`: lists of several kinds, whole or refused."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError

from tests.commands.calls import run
from tests.commands.snapshots import everything
from tests.commands.world import ASSETS
from tests.factories.rows import make_asset
from trading.adapters import alpaca_assets
from trading.models import Asset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _known() -> None:
    make_asset("ACME")


def test_assets_are_added_and_changed_as_the_list_tells_and_the_rest_stays(tmp_path: Path) -> None:
    make_asset("OTHER")
    file = tmp_path / "assets.csv"
    file.write_text(ASSETS, encoding="utf-8")

    shown = run("import_assets", str(file))

    assert shown["added"] == ["NEWS"]
    assert set(shown["changed"]) == {"ACME"}
    assert shown["changed"]["ACME"]["shortable"] == {"was": True, "is": False}
    acme = Asset.objects.get(symbol="ACME")
    assert (acme.name, acme.exchange, acme.shortable, acme.fractionable) == ("Acme Ltd", "ARCA", False, True)
    assert Asset.objects.filter(symbol="OTHER").exists()
    assert run("import_assets", str(file)) == {"added": [], "changed": {}, "same": 2}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param(
            "a.csv", "symbol,shortable\nACME,perhaps\n", "asset 1: shortable 'perhaps'", id="no flag"
        ),
        pytest.param("a.csv", "symbol\nACME\nacme\n", "asset 2: ACME was told before", id="twice"),
        pytest.param("a.json", '[{"symbol": "a b"}]', "'A B' is not a symbol", id="no symbol"),
        pytest.param("a.json", '{"symbol": "ACME"}', "is not a list of assets", id="no list"),
        pytest.param("a.json", "[", "Expecting value", id="no JSON"),
    ],
)
def test_a_list_with_a_fault_is_refused_whole(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    before = everything()

    with pytest.raises(CommandError, match=words):
        run("import_assets", str(tmp_path / name))

    assert everything() == before


def test_alpaca_s_own_list_and_a_lean_folder_are_read(tmp_path: Path) -> None:
    told = {"id": "x", "class": "us_equity", "symbol": "BRK.B", "exchange": "NYSE", "fractionable": False}
    (tmp_path / "assets.json").write_text(json.dumps([told]), encoding="utf-8")
    run("import_assets", str(tmp_path / "assets.json"))
    assert not Asset.objects.get(symbol="BRK.B").fractionable

    root = tmp_path / "lean" / "equity" / "usa"
    (root / "minute" / "spy").mkdir(parents=True)
    (root / "map_files").mkdir()
    (root / "map_files" / "spy.csv").write_text("19980102,spy,P\n20501231,spy,P\n", encoding="utf-8")
    assert run("import_assets", str(tmp_path / "lean"))["added"] == ["SPY"]
    assert Asset.objects.get(symbol="SPY").exchange == "ARCA"


class Peer(BaseHTTPRequestHandler):
    """Answers as Alpaca does to who has the key."""

    def do_GET(self) -> None:
        is_known = (
            self.headers["APCA-API-KEY-ID"] == "PKOPERATOR"
            and self.headers["APCA-API-SECRET-KEY"] == "hidden"
        )
        told = [{"symbol": "QQQ", "class": "us_equity", "exchange": "NASDAQ", "fractionable": True}]
        body = json.dumps(told if is_known and self.path.startswith("/v2/assets?") else {}).encode()
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def alpaca(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have an Alpaca that knows one key."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked = partial(alpaca_assets.assets_at_alpaca, url=f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("trading.management.commands.import_assets.assets_at_alpaca", asked)
    yield
    server.shutdown()
    server.server_close()


def test_alpaca_is_asked_with_the_operator_s_key_which_no_refusal_tells(
    alpaca: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match="set RAXX_ALPACA_KEY_ID and RAXX_ALPACA_SECRET_KEY"):
        run("import_assets", "--alpaca")
    monkeypatch.setenv("RAXX_ALPACA_KEY_ID", "PKOPERATOR")
    monkeypatch.setenv("RAXX_ALPACA_SECRET_KEY", "wrong")
    with pytest.raises(CommandError, match=r"^Alpaca answers 401 to /v2/assets") as refused:
        run("import_assets", "--alpaca")
    assert "wrong" not in str(refused.value)
    monkeypatch.setenv("RAXX_ALPACA_SECRET_KEY", "hidden")

    assert run("import_assets", "--alpaca")["added"] == ["QQQ"]
    assert Asset.objects.get(symbol="QQQ").exchange == "NASDAQ"
