"""What commands do, would do, do twice, and leave when they are stopped half-way: a table of them.

What a command does in all its cases is tested beside its service; each row here is one case of it.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from matching.models import Market
from raxx.folder import DataFolder
from tests.factories.calendar import store_season
from tests.factories.rows import make_account, make_api_key, make_asset, make_market, make_user, make_webhook
from tests.factories.sessions import every_owned_row
from trading.adapters import alpaca_assets
from trading.models import Asset, SimulationProfile, TradingAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class World:
    """One person with an account, a key and an endpoint, and a member of the staff."""

    email: str
    account: str
    key: str
    endpoint: str
    staff: str
    file: Path


@dataclass(frozen=True)
class Row:
    """A call; what there is of it afterwards; and whether a second call does nothing more.

    `stops_in` is a function that a kill is put into, the last thing that the service does before its commit.
    """

    command: str
    words: Callable[[World], tuple[str, ...]]
    stops_in: str
    twice_is_once: bool = True
    refused_twice: str = ""


OF = "trading.services"
ROWS = [
    Row(
        "create_user",
        lambda w: ("--email", "new@example.com"),
        "accounts.services.invitations.record",
        twice_is_once=False,
    ),
    Row(
        "invite_staff",
        lambda w: ("--email", "new@example.com"),
        "accounts.services.invitations.record",
        twice_is_once=False,
    ),
    Row(
        "dismiss_staff",
        lambda w: ("--email", w.staff, "--reason", "r"),
        "accounts.services.dismissals.record",
    ),
    Row("create_account", lambda w: ("--email", w.email), f"{OF}.accounts.record_all", twice_is_once=False),
    Row("create_api_key", lambda w: ("--email", w.email), f"{OF}.keys.record", twice_is_once=False),
    Row("rotate_api_key", lambda w: (w.key,), f"{OF}.keys.record", refused_twice="is over"),
    Row("revoke_api_key", lambda w: (w.key,), f"{OF}.keys.record"),
    Row(
        "reset_account",
        lambda w: (w.account, "--cash", "5"),
        f"{OF}.own_accounts.record",
        twice_is_once=False,
    ),
    Row("archive_account", lambda w: (w.account,), f"{OF}.own_accounts.record"),
    Row("freeze", lambda w: ("--account", w.account, "--reason", "r"), f"{OF}.freezing.record"),
    Row(
        "grant",
        lambda w: ("--staff", w.staff, "--account", w.account, "--reason", "r"),
        f"{OF}.grants.record_all",
        twice_is_once=False,  # it lasts longer
    ),
    Row(
        "set_tier",
        lambda w: ("--email", w.email, "--tier", "pro_plus", "--reason", "r"),
        "accounts.services.tiers.record",
    ),
    Row(
        "replay_events",
        lambda w: (w.endpoint, "--from-seq", "1"),
        f"{OF}.webhooks.record",
        twice_is_once=False,
    ),
    Row("import_assets", lambda w: (str(w.file),), f"{OF}.asset_import.record"),
]


class Killed(BaseException):
    """Nobody catches it, as nobody does a kill."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    make_market()
    make_asset("ACME")
    account = make_account(make_user(email="ann@example.com", tier="pro"), cash=1_000)
    file = tmp_path / "assets.csv"
    file.write_text(
        "symbol,name,exchange,shortable,maker\nacme,Acme Ltd,ARCA,no,x\nNEWS,News,,,\n", encoding="utf-8"
    )
    return World(
        email="ann@example.com",
        account=account.number,
        key=make_api_key(account).pk,
        endpoint=str(make_webhook(account).pk),
        staff=make_user(email="sam@example.com", is_staff=True).email,
        file=file,
    )


def run(command: str, *words: str) -> Any:
    out = StringIO()
    call_command(command, *words, "--json", stdout=out)
    return json.loads(out.getvalue())


def everything() -> dict[str, Any]:
    """Return all that these commands may change, and what was mailed."""
    people = list(User.objects.order_by("pk").values())
    assets = list(Asset.objects.order_by("symbol").values())
    log = AuditEntry.objects.count()
    return {**every_owned_row(), "people": people, "assets": assets, "log": log, "mails": len(mail.outbox)}


@pytest.mark.parametrize("row", ROWS, ids=[row.command for row in ROWS])
def test_a_dry_run_changes_nothing_and_the_run_does_and_again_is_the_same(row: Row, world: World) -> None:
    before = everything()

    assert run(row.command, *row.words(world), "--dry-run")["dry_run"] is True
    assert everything() == before

    run(row.command, *row.words(world))
    after = everything()
    assert after != before
    assert after["log"] > before["log"]

    if row.refused_twice:
        with pytest.raises(CommandError, match=row.refused_twice):
            run(row.command, *row.words(world))
        assert everything() == after
        return
    run(row.command, *row.words(world))
    assert (everything() == after) is row.twice_is_once


@pytest.mark.parametrize("row", ROWS, ids=[row.command for row in ROWS])
def test_killed_half_way_nothing_is_left_and_the_next_run_does_it(
    row: Row, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything()

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(row.stops_in, killed)
        with pytest.raises(Killed):
            run(row.command, *row.words(world))

    assert everything() == before
    run(row.command, *row.words(world))
    assert everything() != before


def test_freezing_and_thawing_an_account_are_told(world: World) -> None:
    def frozen() -> bool:
        return TradingAccount.objects.across_owners().get(number=world.account).frozen_at is not None

    words = ("--account", world.account, "--reason", "r")
    assert run("freeze", *words, "--thaw")["outcome"] == "was not frozen"
    assert (run("freeze", *words)["outcome"], frozen()) == ("frozen", True)
    assert (run("freeze", *words)["outcome"], frozen()) == ("was frozen already", True)
    assert run("freeze", *words, "--thaw", "--dry-run")["outcome"] == "would be thawed"
    assert (run("freeze", *words, "--thaw")["outcome"], frozen()) == ("thawed", False)


def test_assets_are_added_and_changed_as_the_list_tells_and_the_rest_stays(world: World) -> None:
    make_asset("OTHER")

    shown = run("import_assets", str(world.file))

    assert shown["added"] == ["NEWS"]
    assert set(shown["changed"]) == {"ACME"}
    assert shown["changed"]["ACME"]["shortable"] == {"was": True, "is": False}
    acme = Asset.objects.get(symbol="ACME")
    assert (acme.name, acme.exchange, acme.shortable, acme.fractionable) == ("Acme Ltd", "ARCA", False, True)
    assert Asset.objects.filter(symbol="OTHER").exists()
    assert run("import_assets", str(world.file)) == {"added": [], "changed": {}, "same": 2}


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
def test_a_list_with_a_fault_is_refused_whole(
    world: World, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    before = everything()

    with pytest.raises(CommandError, match=words):
        run("import_assets", str(tmp_path / name))

    assert everything() == before


def test_alpaca_s_own_list_and_a_lean_folder_are_read(world: World, tmp_path: Path) -> None:
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
    world: World, alpaca: None, monkeypatch: pytest.MonkeyPatch
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


@pytest.fixture
def own_files(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_ANCHORS, settings.AUDIT_KEY = tmp_path / "anchors", tmp_path / "audit_key.pem"
    settings.DATA_FOLDER = DataFolder(tmp_path / "data")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("anchor_audit",), "new"),
        (("export_user", "--email", "ann@example.com", "--out", "{folder}/ann.zip"), "rows"),
        (("snapshot", "--date", "2013-10-07"), "taken"),
        (("tape", "play"), "would"),
        (("tape", "advance", "--to", "2030-01-01T00:00:00Z"), "would"),
        (
            [
                "reset_passkeys",
                "ask",
                "--email",
                "ann@example.com",
                "--ticket",
                "T",
                "--operator",
                "sam@example.com",
            ],
            "ticket",
        ),
        (("create_profile", "--name", "instant", "--withdraw"), "withdrawn"),
        (("up", "--port", "0"), "processes"),
    ],
    ids=["anchor", "export", "snapshot", "tape play", "tape advance", "reset", "withdraw", "up"],
)
def test_other_dry_runs_tell_and_change_nothing(
    world: World, own_files: None, tmp_path: Path, words: tuple[str, ...], field: str
) -> None:
    store_season()
    before = everything(), Market.objects.values().get(), list(SimulationProfile.objects.values())

    shown = run(*(word.format(folder=tmp_path) for word in words), "--dry-run")

    assert (shown["dry_run"], field in shown) == (True, True)
    assert (everything(), Market.objects.values().get(), list(SimulationProfile.objects.values())) == before
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files <= {"assets.csv", "up.lock"}


def test_with_json_a_mail_that_is_printed_is_no_part_of_the_document(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

    call_command("create_user", "--email", "new@example.com", "--json")

    printed = capsys.readouterr()
    assert json.loads(printed.out)["email"] == "new@example.com"
    assert "Subject: " in printed.err
