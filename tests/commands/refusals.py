"""The table of calls that are refused: a dry run says so in the very words of the real one.

Whoever finds another one adds a row here. What only argparse refuses, before there is a command, is none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings

from accounts.audit.keys import signing_key
from broker_handoff.models import BrokerConnection
from tests.broker_handoff.people import make_connection
from tests.commands.world import ANN, KIM, SAM
from tests.factories.rows import make_market

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.row import Words
    from tests.commands.world import World


@dataclass(frozen=True)
class Refusal:
    """A call that is `refused` in these words, dry and real."""

    command: str
    words: Words
    refused: str
    prepare: Callable[[World], object] = lambda _: None
    variant: str = ""

    @property
    def name(self) -> str:
        return f"{self.command} {self.variant}".rstrip()


def _beside(**fields: str) -> Callable[[World], object]:
    return lambda world: world.made.update(
        beside=make_market(feed="synthetic", paused=False, is_active=True, **fields).pk
    )


def _with_a_key(world: World) -> None:
    """Have something to anchor, and the key, which is a file of its own."""
    world.tell_something()
    signing_key(settings.AUDIT_KEY, may_make=True)


def _beside_number(world: World) -> str:
    return str(world.made["beside"])


BLANK = ("--reason", " ")
NEITHER = ("--scope", "global", "--reason", "r", "--operator", SAM)  # where something more is named
REFUSALS = [
    *(
        Refusal(
            "tape",
            lambda w, words=words: ("--market", _beside_number(w), *words),  # type: ignore[misc]
            "only a tape can be controlled",
            _beside(),
            f"{words[0]}, of no recorded market",
        )
        for words in [
            ("play",),
            ("pause",),
            ("restart",),
            ("speed", "2"),
            ("advance", "--to", "2026-05-04T17:00:00Z"),
        ]
    ),
    Refusal(
        "tape",
        lambda _: ("advance", "--to", "2016-05-04T17:00:00Z"),
        "is before the market's time",
        variant="advance, backward",
    ),
    Refusal("tape", lambda _: ("advance", "--to", "tomorrow"), "RFC 3339", variant="advance, no instant"),
    Refusal("tape", lambda _: ("speed", "-1"), "speed -1 is not between", variant="speed, backward"),
    Refusal(
        "tape",
        lambda _: ("play",),
        "no active market",
        lambda w: type(w.market).objects.filter(pk=w.market.pk).update(is_active=False),
        "of a market that is closed",
    ),
    Refusal("erase_user", lambda _: ("--email", ANN, *BLANK), "needs a reason"),
    Refusal(
        "erase_user",
        lambda _: ("--email", ANN, "--reason", "r", "--now"),
        "--now needs --ticket",
        variant="now",
    ),
    Refusal(
        "erase_user", lambda _: ("--email", "nobody@x.org", "--reason", "r"), "nobody has", variant="nobody"
    ),
    Refusal("set_tier", lambda _: ("--email", ANN, "--tier", "free", *BLANK), "a reason is 1 to 200"),
    Refusal(
        "kill_switch",
        lambda _: ("close", "--scope", "global", *BLANK, "--operator", SAM),
        "1 to 200",
        variant="close",
    ),
    Refusal(
        "kill_switch",
        lambda _: ("close", *NEITHER, "--user", ANN),
        "takes no person",
        variant="close, and a person",
    ),
    Refusal(
        "kill_switch",
        lambda _: ("close", *NEITHER, "--connection", str(BrokerConnection.objects.get().pk)),
        "takes no connection",
        lambda _: make_connection(),
        "close, and a connection",
    ),
    Refusal(
        "kill_switch",
        lambda _: ("close", "--scope", "user", "--reason", "r", "--operator", SAM),
        "which user",
        variant="close, nobody",
    ),
    Refusal(
        "kill_switch",
        lambda _: ("close", "--scope", "global", "--reason", "r", "--operator", ANN),
        "not an active member",
        variant="close, no staff",
    ),
    Refusal(
        "kill_switch",
        lambda w: ("ask", "--id", str(w.made["closing"]), *BLANK, "--operator", KIM),
        "1 to 200",
        lambda w: w.close_switch(),
        "ask",
    ),
    Refusal(
        "kill_switch",
        lambda w: ("open", "--id", str(w.made["closing"]), "--operator", SAM),
        "takes two",
        lambda w: w.close_switch(is_asked=True),
        "open, alone",
    ),
    Refusal("freeze", lambda w: ("--account", w.account.number, *BLANK), "reason"),
    Refusal("grant", lambda w: ("--staff", SAM, "--account", w.account.number, *BLANK), "reason"),
    Refusal("dismiss_staff", lambda _: ("--email", SAM, *BLANK), "reason"),
    Refusal(
        "reset_passkeys", lambda _: ("ask", "--email", ANN, "--ticket", " ", "--operator", SAM), "ticket"
    ),
    Refusal(
        "gate",
        lambda w: ("end-override", "--id", str(w.made["override"]), *BLANK),
        "reason",
        lambda w: w.override(),
        "end-override",
    ),
    Refusal("revoke_live_connections", lambda _: BLANK, "1 to"),
    Refusal("anchor_audit", lambda _: ("--anew", *BLANK), "1 to 200", variant="anew"),
    Refusal(
        "anchor_audit",
        lambda _: ("--anchors", "/proc/x"),
        "No such file",
        _with_a_key,
        "nowhere to write",
    ),
    Refusal("backup", lambda _: ("--to", "/proc/x"), "cannot be written", variant="nowhere to write"),
    Refusal(
        "backup", lambda w: ("--to", w.file("f", "x") + "/deep/x"), "cannot be written", variant="in a file"
    ),
    Refusal("backup", lambda w: ("--to", str(w.folder)), "there already", variant="over another"),
    Refusal("export_user", lambda _: ("--email", ANN, "--out", "/proc/x"), "cannot be written"),
    Refusal(
        "export_user",
        lambda w: ("--email", ANN, "--out", w.file("a/b.zip")),
        "cannot be written",
        variant="no folder",
    ),
    Refusal("import_tape", lambda w: (w.file("t.csv", "x"), "--to", "/proc/x"), "cannot be written"),
    Refusal("create_user", lambda _: ("--email", "nobody"), "not an e-mail address"),
    Refusal("create_account", lambda _: ("--email", ANN, "--cash", "-1"), "starting cash -1"),
    Refusal("create_api_key", lambda _: ("--email", ANN, "--address", "here"), "not an IP address"),
    Refusal("create_profile", lambda _: ("--name", "Not So"), "name 'Not So'"),
    Refusal("reset_account", lambda w: (w.account.number, "--cash", "-1"), "starting cash -1"),
    Refusal("replay_events", lambda _: (str(uuid4()), "--from-seq", "1"), "webhook not found"),
    Refusal("market", lambda _: ("default", "999999"), "market '999999' is not one of", variant="default"),
    Refusal(
        "market", lambda w: ("shards", str(w.market.pk), "0"), "0 is not a number of shards", variant="shards"
    ),
    Refusal("shadow", lambda w: ("off", "--account", w.account.number), "never mirrored", variant="off"),
    Refusal("import_assets", lambda w: (w.file("none.csv"),), "cannot be read"),
]
