"""The rows of the commands on the way to a live broker; see rows.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_handoff import adapters
from broker_handoff.adapters.local_keys import add_key
from broker_handoff.models import GateOverride, GateVerdict, SealedToken, ShadowLink, SwitchClosing
from broker_handoff.services.mass_revoke import living_connections
from broker_handoff.services.tokens import tokens_not_under
from broker_handoff.shadow.links import turn_on
from tests.commands.row import Row
from tests.commands.world import ANN, KIM, SAM

if TYPE_CHECKING:
    from tests.commands.world import World


def _mirrored(world: World) -> None:
    world.cast_a_shadow()
    turn_on(account=world.account, broker=adapters.shadow())


def _with_a_new_key(world: World) -> None:
    world.connect()
    add_key(adapters.key_service().file)


LIVE = [
    Row(
        "kill_switch",
        lambda _: ("close", "--scope", "global", "--reason", "r", "--operator", SAM),
        lambda _: SwitchClosing.objects.filter(opened_at=None).count() == 1,
        says=(("outcome", "was closed already"),),
        variant="close",
    ),
    Row(
        "kill_switch",
        lambda w: ("ask", "--id", str(w.made["closing"]), "--reason", "mended", "--operator", SAM),
        lambda _: SwitchClosing.objects.get().asked_reason == "mended",
        prepare=lambda w: w.close_switch(),
        twice_is_once=False,  # a later asking takes its place
        variant="ask",
    ),
    Row(
        "kill_switch",
        lambda w: ("open", "--id", str(w.made["closing"]), "--operator", KIM),
        lambda _: SwitchClosing.objects.get().opened_at is not None,
        prepare=lambda w: w.close_switch(is_asked=True),
        refused="it is open again",
        variant="open",
    ),
    Row(
        "revoke_live_connections",
        lambda _: ("--reason", "r", "--again"),
        lambda _: not living_connections() and not SealedToken.objects.exists(),
        prepare=lambda w: w.connect(),
        done_at=None,
        says=(("disconnected", 2), ("done", 2)),
    ),
    Row(
        "rewrap_tokens",
        lambda _: (),
        lambda _: not tokens_not_under(adapters.key_service().current_key_id),
        prepare=_with_a_new_key,
        done_at=None,
        says=(("failed", {}),),
    ),
    Row(
        "gate",
        lambda _: ("judge", "--email", ANN),
        lambda w: GateVerdict.objects.filter(user=w.ann).count() == 1,
        is_told=False,  # a verdict is a row of its own; the log is told when the gate opens or closes
        variant="judge",
    ),
    Row(
        "gate",
        lambda w: ("end-override", "--id", str(w.made["override"]), "--reason", "r"),
        lambda _: GateOverride.objects.get().ended_at is not None,
        prepare=lambda w: w.override(),
        variant="end-override",
    ),
    Row(
        "shadow",
        lambda w: ("on", "--account", w.account.number),
        lambda w: ShadowLink.objects.filter(pk=w.account.pk, is_on=True).exists(),
        prepare=lambda w: w.cast_a_shadow(),
        says=(("is_on", True),),
        variant="on",
    ),
    Row(
        "shadow",
        lambda w: ("off", "--account", w.account.number),
        lambda w: ShadowLink.objects.filter(pk=w.account.pk, is_on=False).exists(),
        prepare=_mirrored,
        says=(("is_on", False),),
        variant="off",
    ),
]
