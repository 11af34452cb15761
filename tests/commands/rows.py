"""The table of commands that change something: a call, what is then so, and what a second one says.

Whoever adds such a command adds a row here, or names its own tests in tests/commands/proofs.py.
"""

from __future__ import annotations

import json
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings

from accounts.audit import anchors
from accounts.models import ApiKey, AuditEntry, Erasure, KnownAnchor, PasskeyReset, User
from accounts.services.anchoring import anchor_audit
from matching.models import Market
from tests.broker_handoff.records import NOW
from tests.commands.live_rows import LIVE
from tests.commands.row import Row
from tests.commands.world import ANN, ASSETS, KIM, SAM
from tests.factories.rows import make_market, make_snapshot
from trading.models import Asset, EquitySnapshot, SimulationProfile, TradingAccount
from trading.services.grants import grants_on_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.world import World

NEW = "new@example.com"


def _people(email: str) -> int:
    return User.objects.filter(email=email).count()


def _is_archive_or_nothing(world: World) -> bool:
    path = world.folder / "ann.zip"
    return not path.exists() or zipfile.ZipFile(path).testzip() is None


def _are_anchors(_: World) -> bool:
    folder = settings.AUDIT_ANCHORS
    return all(anchors.read(folder, number).heads() for number in anchors.numbers(folder))


def _lose_the_anchors(world: World) -> None:
    world.tell_something()
    anchor_audit()
    settings.AUDIT_ANCHORS.rename(world.folder / "lost")


def _is_market(**fields: Any) -> Callable[[World], bool]:
    return lambda world: Market.objects.filter(pk=world.market.pk, **fields).exists()


def _seeded(_: World) -> bool:
    file: Path = settings.DATA_FOLDER.demo_file
    if not file.exists():
        return False
    told = json.loads(file.read_text(encoding="utf-8"))
    key = ApiKey.objects.filter(pk=told["key_id"], revoked_at=None).first()
    return key is not None and key.matches(told["secret"])


def _granted(world: World) -> None:
    from tests.commands.calls import run

    run("grant", "--staff", SAM, "--account", world.account.number, "--reason", "r")


def _of_the_past(world: World) -> None:
    User.objects.filter(email=ANN).update(tier="free")
    make_snapshot(world.account, recorded_at=NOW - timedelta(days=400))


ROWS = [
    *LIVE,
    Row(
        "create_user",
        lambda _: ("--email", NEW),
        lambda _: _people(NEW) == 1,
        says=(("is_new", False),),
        twice_is_once=False,  # another link
    ),
    Row(
        "invite_staff",
        lambda _: ("--email", NEW),
        lambda _: User.objects.filter(email=NEW, is_staff=True).count() == 1,
        says=(("is_new", False),),
        twice_is_once=False,
    ),
    Row(
        "dismiss_staff",
        lambda _: ("--email", SAM, "--reason", "r"),
        lambda _: not User.objects.get(email=SAM).is_staff,
        says=(("outcome", "was no member of the staff"),),
    ),
    Row(
        "reset_passkeys",
        lambda _: ("ask", "--email", ANN, "--ticket", "T", "--operator", SAM),
        lambda _: PasskeyReset.objects.filter(asked_by__email=SAM).exists(),
        twice_is_once=False,
        variant="ask",
    ),
    Row(
        "reset_passkeys",
        lambda w: ("approve", "--id", str(w.made["reset"]), "--operator", KIM),
        lambda w: PasskeyReset.objects.get().approved_at is not None and w.ann.auth_epoch == 1,
        prepare=lambda w: w.ask_for_reset(),
        refused="the reset was approved already",
        variant="approve",
    ),
    Row(
        "erase_user",
        lambda _: ("--email", ANN, "--reason", "r"),
        lambda w: Erasure.objects.filter(user=w.ann).count() == 1 and w.ann.deactivated_at is not None,
        says=(("status", "waiting"),),
    ),
    Row(
        "export_user",
        lambda w: ("--email", ANN, "--out", w.file("ann.zip")),
        lambda w: (w.folder / "ann.zip").exists()
        and AuditEntry.objects.filter(action="export.by_operator").exists(),
        done_at=None,  # told in the log first, and then in its place
        sound=_is_archive_or_nothing,
        refused="cannot be written",
    ),
    Row(
        "anchor_audit",
        lambda _: (),
        lambda _: anchors.numbers(settings.AUDIT_ANCHORS) == [1],
        prepare=lambda w: w.tell_something(),
        done_at=None,  # a key, and then an anchor
        sound=_are_anchors,
        says=(("anchor", None),),
        is_told=False,
    ),
    Row(
        "anchor_audit",
        lambda _: ("--anew", "--reason", "r"),
        lambda _: KnownAnchor.objects.filter(number=0, ended_number=1).exists(),
        prepare=_lose_the_anchors,
        says=(("ended", 0),),
        variant="anew",
    ),
    Row(
        "create_account",
        lambda _: ("--email", NEW),
        lambda _: TradingAccount.objects.across_owners().filter(user__email=NEW, cash=100_000).exists(),
        twice_is_once=False,
    ),
    Row(
        "create_api_key",
        lambda _: ("--email", ANN),
        lambda w: ApiKey.objects.across_owners().exclude(pk=w.key.pk).exists(),
        twice_is_once=False,
    ),
    Row(
        "rotate_api_key",
        lambda w: (w.key.pk,),
        lambda w: ApiKey.objects.across_owners().exclude(pk=w.key.pk).count() == 1,
        refused="is over",
    ),
    Row(
        "revoke_api_key",
        lambda w: (w.key.pk,),
        lambda w: ApiKey.objects.across_owners().get(pk=w.key.pk).revoked_at is not None,
    ),
    Row(
        "reset_account",
        lambda w: (w.account.number, "--cash", "5", "--generation", "1"),
        lambda w: (w.now().generation, w.now().cash, w.now().status) == (2, 5, "ACTIVE"),
        done_at=None,  # asked for, and then done when nothing is open
        says=(("generation", 2), ("cash", "5")),
    ),
    Row(
        "archive_account",
        lambda w: (w.account.number,),
        lambda w: w.now().status == "ACCOUNT_CLOSED",
        done_at=None,
        says=(("status", "closed"),),
    ),
    Row(
        "freeze",
        lambda w: ("--account", w.account.number, "--reason", "r"),
        lambda w: w.now().frozen_at is not None,
        says=(("outcome", "was frozen already"),),
    ),
    Row(
        "grant",
        lambda w: ("--staff", SAM, "--account", w.account.number, "--reason", "r"),
        lambda w: grants_on_record(staff=SAM, account_id=w.account.pk).exists(),
        twice_is_once=False,  # it lasts longer
    ),
    Row(
        "revoke_grant",
        lambda w: ("--staff", SAM, "--account", w.account.number),
        lambda w: not grants_on_record(staff=SAM, account_id=w.account.pk).exists(),
        prepare=_granted,
        says=(("outcome", "nothing to end"),),
    ),
    Row(
        "set_tier",
        lambda _: ("--email", ANN, "--tier", "pro_plus", "--reason", "r"),
        lambda w: w.ann.tier == "pro_plus",
        says=(("outcome", "unchanged"),),
    ),
    Row(
        "replay_events",
        lambda w: (str(w.endpoint.pk), "--from-seq", "1"),
        lambda _: AuditEntry.objects.filter(action="webhook.replayed").exists(),
        twice_is_once=False,
    ),
    Row(
        "import_assets",
        lambda w: (w.file("assets.csv"),),
        lambda _: Asset.objects.filter(symbol="NEWS").exists()
        and Asset.objects.get(symbol="ACME").name == "Acme Ltd",
        prepare=lambda w: w.file("assets.csv", ASSETS),
        says=(("added", []), ("changed", {}), ("same", 2)),
    ),
    Row(
        "create_profile",
        lambda _: ("--name", "careful", "--slippage-bps", "2"),
        lambda _: SimulationProfile.objects.filter(name="careful").count() == 1,
        says=(("is_new", False),),
    ),
    Row(
        "create_profile",
        lambda _: ("--name", "instant", "--withdraw"),
        lambda _: not SimulationProfile.objects.filter(name="instant", is_offered=True).exists(),
        says=(("withdrawn", 0),),
        variant="withdraw",
    ),
    Row(
        "snapshot",
        lambda _: (),
        lambda w: EquitySnapshot.objects.filter(account=w.account).count() == 1,
        says=(("taken", 0), ("known", 1)),
        is_told=False,
    ),
    Row(
        "purge_history",
        lambda _: (),
        lambda w: not EquitySnapshot.objects.filter(account=w.account).exists(),
        prepare=_of_the_past,
        says=(("accounts", []),),
        is_told=False,
    ),
    Row(
        "tape", lambda _: ("play",), _is_market(paused=False), variant="play", is_told=False,
        says=(("paused", False),),
    ),
    Row(
        "tape", lambda _: ("speed", "2"), _is_market(speed=2), variant="speed", is_told=False,
        says=(("speed", "2"),),
    ),
    Row(
        "tape",
        lambda _: ("advance", "--to", "2026-05-04T17:00:00Z"),
        _is_market(anchor_at=NOW + timedelta(hours=1)),
        refused="has not come to 2026-05-04T17:00:00Z yet",  # nobody runs it
        is_told=False,
        variant="advance",
    ),
    Row(
        "tape",
        lambda _: ("restart",),
        lambda w: Market.objects.get(pk=w.market.pk).run >= 2,
        refused="has not come to",
        twice_is_once=False,
        variant="restart",
    ),
    Row(
        "market",
        lambda _: ("open", "--feed", "synthetic", "--symbols", "ACME"),
        lambda _: Market.objects.filter(feed="synthetic", is_active=True).count() == 1,
        prepare=lambda w: w.open_calendars(),
        variant="open",
    ),
    Row(
        "market",
        lambda w: ("close", str(w.market.pk)),
        _is_market(is_active=False),
        variant="close",
    ),
    Row(
        "market",
        lambda w: ("default", str(w.made["beside"])),
        lambda w: Market.objects.filter(pk=w.made["beside"], is_default=True).exists(),
        prepare=lambda w: w.made.update(beside=make_market(is_active=True).pk),
        says=(("default", True),),
        variant="default",
    ),
    Row(
        "market",
        lambda w: ("shards", str(w.market.pk), "2"),
        _is_market(shard_count=2),
        variant="shards",
    ),
    Row(
        "seed",
        lambda _: ("--feed", "synthetic", "--symbols", "ACME"),
        _seeded,
        prepare=lambda w: w.open_calendars(),
        done_at=None,  # a user, an account, a key, and the files that tell it
        says=(("email", "demo@raxx.example"), ("symbol", "ACME")),
    ),
]  # fmt: skip
