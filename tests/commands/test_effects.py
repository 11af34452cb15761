"""What commands do, would do, do twice, and leave when they are stopped half-way: a table of them.

What a command does in all its cases is tested beside its service; each row here is one case of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from tests.factories.rows import make_account, make_api_key, make_asset, make_market, make_user, make_webhook
from tests.factories.sessions import every_owned_row
from trading.models import Asset, TradingAccount

if TYPE_CHECKING:
    from collections.abc import Callable
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
