"""Each paper order is at the shadow once, its cancel and replacement too; and nothing of the shadow's comes back."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace as changed
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.errors import RuleBroken
from accounts.models import AuditEntry
from broker_handoff import adapters, tasks
from broker_handoff.models import ShadowLink, ShadowOrder
from broker_handoff.ports import BrokerUnavailable
from broker_handoff.shadow import mirroring
from broker_handoff.shadow.links import LEASE, claim, turn_off, turn_on
from broker_handoff.shadow.mirroring import mirror, mirror_due
from broker_handoff.shadow.report import parity
from raxx import schedule
from tests.broker_handoff.fake import LOST, TWICE, UNHEARD
from tests.factories.rows import make_account, make_market
from trading.models import Fill, Order, OrderEvent, TradingAccount

if TYPE_CHECKING:
    from tests.broker_handoff.shadow.stage import Stage

pytestmark = pytest.mark.django_db(transaction=True)


def spoiled(*troubles: Any) -> deque[Any]:
    """Return troubles of which each spoils the second call of a pass: at first a pass asks whose account it is."""
    return deque(each for trouble in troubles for each in (None, trouble))


def paper() -> list[Any]:
    """Return all that Raxx's own books say."""
    return [
        list(model.objects.order_by("pk").values()) for model in (TradingAccount, Order, OrderEvent, Fill)
    ]


def test_an_order_is_sent_once_under_its_own_id_and_compared_when_both_have_filled(stage: Stage) -> None:
    before = stage.place()
    stage.turn_on()
    order = stage.place()
    stage.look()
    stage.decide((order, "new"), (order, "partial_fill", "4", "99"), (order, "fill", "6", "100"))
    books = paper()
    stage.shadow.fill("b1", "10", "100.098")

    stage.look()
    stage.look()

    assert [one.client_order_id for one in stage.shadow.orders.values()] == [str(order)]
    assert stage.shadow.calls.count("submit") == 1
    assert not ShadowOrder.objects.filter(pk=before).exists()
    told = stage.parity_of(order)
    assert (told.outcome, told.is_open) == ("both", False)
    assert (told.here.average_price, told.there.average_price) == (Decimal("99.6"), Decimal("100.098"))
    assert (told.price_difference_bps, told.quantity_difference) == (Decimal("50.00"), 0)
    assert [(share.rule, share.quantity) for share in told.rules] == [("L2", 10)]
    assert paper() == books


@pytest.mark.parametrize(
    "troubles",
    [
        pytest.param([UNHEARD], id="the answer is lost"),
        pytest.param([LOST], id="the request is lost"),
        pytest.param([TWICE], id="the request comes twice"),
        pytest.param([BrokerUnavailable("429", 0.0), LOST, UNHEARD], id="much at a time"),
    ],
)
def test_whatever_is_lost_the_shadow_has_each_order_once(stage: Stage, troubles: list[Any]) -> None:
    stage.turn_on()
    orders = [stage.place(), stage.place()]
    stage.shadow.troubles = spoiled(*troubles)

    for _ in range(5):
        stage.look()

    assert sorted(one.client_order_id for one in stage.shadow.orders.values()) == sorted(map(str, orders))
    assert [stage.row(order).status for order in orders] == ["working", "working"]


def test_an_order_whose_worker_died_is_asked_for_before_anything_is_sent(stage: Stage) -> None:
    stage.turn_on()
    order = stage.place()
    stage.shadow.troubles = spoiled(UNHEARD)
    stage.look()
    assert stage.row(order).status == "sending"
    stage.shadow.calls.clear()

    stage.look()

    assert stage.shadow.calls[:2] == ["account", "order_of"]
    assert "submit" not in stage.shadow.calls
    assert stage.row(order).status == "working"


def test_cancels_and_replacements_follow(stage: Stage) -> None:
    stage.turn_on()
    first, second, unsent = stage.place(), stage.place(), None
    stage.decide((first, "new"), (second, "new"))
    stage.look()

    stage.cancel(first)
    successor = stage.replace(second, limit_price="101")
    unsent = stage.place()
    stage.cancel(unsent)
    stage.look()
    stage.look()

    assert {one.client_order_id: one.word for one in stage.shadow.orders.values()} == {
        str(first): "canceled",
        str(second): "replaced",
        str(successor): "new",
    }
    assert [stage.row(each).status for each in (first, second, successor)] == [
        "canceled",
        "replaced",
        "working",
    ]
    assert stage.parity_of(unsent).outcome == "not_sent"


def test_a_replacement_of_what_was_filled_here_in_part_asks_for_the_same_whole_there(stage: Stage) -> None:
    stage.turn_on()
    first = stage.place()
    stage.decide((first, "new"), (first, "partial_fill", "4", "100"))
    stage.look()
    second = stage.replace(first, limit_price="101")  # for the six that are left
    stage.decide((first, "partial_fill", "1", "100"), (first, "replaced"), (second, "new"))
    stage.look()
    third = stage.replace(second, quantity="7")  # two more than the five
    stage.look()

    asked = {one.client_order_id: one.quantity for one in stage.shadow.orders.values()}
    assert asked == {str(first): 10, str(second): 10, str(third): 12}
    assert stage.parity_of(third).is_open


def test_what_is_not_sent_says_why(stage: Stage) -> None:
    early = stage.place()
    stage.decide((early, "new"))
    stage.turn_on()
    heir = stage.replace(early, limit_price="101")
    of_class, unknown = stage.place(), stage.place()
    Order.objects.filter(pk=of_class).update(order_class="bracket")
    Order.objects.filter(pk=unknown).update(symbol="NONE")

    stage.look()

    said = {each.order_id: (each.outcome, each.reason, each.words) for each in parity(stage.account).orders}
    assert said == {
        heir: ("not_sent", "not_mirrored", ""),
        of_class: ("not_sent", "order_class", ""),
        unknown: ("refused", "broker", "asset NONE is not found"),
    }
    assert stage.shadow.orders == {}


@pytest.mark.parametrize("troubles", [[], [LOST]], ids=["never tried", "tried in vain"])
def test_an_order_that_comes_too_late_is_not_sent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, troubles: list[Any]
) -> None:
    stage.turn_on()
    order = stage.place()
    if troubles:
        stage.shadow.troubles = spoiled(*troubles)
        stage.look()
    monkeypatch.setattr(mirroring, "LATE", timedelta(seconds=-1))

    stage.look()

    assert (stage.row(order).status, stage.row(order).reason) == ("lapsed", "late")
    assert stage.parity_of(order).outcome == "not_sent"
    assert stage.shadow.orders == {}


def test_an_order_that_the_shadow_has_forgotten_is_asked_for_no_more(stage: Stage) -> None:
    stage.turn_on()
    order = stage.place()
    stage.look()
    stage.shadow.orders.clear()

    stage.look()

    assert (stage.row(order).status, stage.row(order).reason) == ("unresolved", "not_there")


def test_a_shadow_that_is_away_is_seen_on_its_link_and_nowhere_else(stage: Stage) -> None:
    stage.turn_on()
    order = stage.place()
    stage.shadow.troubles = deque([BrokerUnavailable("the broker is not reached")] * 2)

    link = stage.look()
    assert (link.faults, link.fault, link.lease) == (1, "the broker is not reached", None)
    assert link.next_look_at > timezone.now()
    stage.decide((order, "new"), (order, "fill", "10", "100"))
    assert stage.look().faults == 2

    assert Order.objects.get(pk=order).status == "filled"
    assert stage.look().faults == 0
    assert stage.row(order).status == "working"


def test_of_two_workers_each_has_a_link_of_its_own(stage: Stage) -> None:
    stage.turn_on()
    other = make_account(market=stage.account.market, cash=1)
    turn_on(account=other, broker=stage.broker)

    first, second = claim(), claim()

    assert first is not None
    assert second is not None
    assert {first.pk, second.pk} == {stage.account.pk, other.pk}
    assert claim() is None
    assert claim(timezone.now() + LEASE + timedelta(seconds=1)) is not None  # as if it had died


def test_who_is_at_a_link_that_is_switched_off_sends_nothing_more(stage: Stage) -> None:
    stage.turn_on()
    link = claim()
    assert link is not None
    stage.place()

    turn_off(account=stage.account)
    mirror(link, stage.broker)

    assert stage.shadow.orders == {}
    assert not ShadowOrder.objects.exists()
    assert mirror_due(lambda: stage.broker) == 0


def test_what_was_placed_while_it_was_off_is_never_sent_and_what_was_sent_is_followed(stage: Stage) -> None:
    stage.turn_on()
    order = stage.place()
    stage.look()
    turn_off(account=stage.account)
    meanwhile = stage.place()
    stage.decide((order, "new"), (order, "fill", "10", "100"))

    stage.turn_on()
    stage.look()

    assert [one.client_order_id for one in stage.shadow.orders.values()] == [str(order)]
    assert not ShadowOrder.objects.filter(pk=meanwhile).exists()
    assert stage.parity_of(order).outcome == "only_here"


def test_a_replay_a_closed_account_and_a_shadow_that_is_not_paper_are_refused(stage: Stage) -> None:
    replay = make_account(market=make_market(feed="replay"))
    closed = make_account(market=stage.account.market, status="ACCOUNT_CLOSED")
    for account, words in ((replay, "trades a replay"), (closed, "ACCOUNT_CLOSED")):
        with pytest.raises(RuleBroken, match=words):
            turn_on(account=account, broker=stage.broker)
    stage.shadow.number = "123456789"
    with pytest.raises(RuleBroken, match="not the number of a paper account"):
        stage.turn_on()
    stage.shadow.troubles = deque([BrokerUnavailable("away")])
    with pytest.raises(RuleBroken, match="does not answer as it should: away"):
        stage.turn_on()

    assert not ShadowLink.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="shadow.").exists()


def test_the_command_switches_shows_and_reports_and_the_audit_log_knows(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    number = stage.account.number
    settings.SHADOW_KEY_ID = settings.SHADOW_SECRET = ""
    with pytest.raises(CommandError, match="RAXX_SHADOW_KEY_ID and RAXX_SHADOW_SECRET are not set"):
        call_command("shadow", "on", account=number)
    monkeypatch.setattr(adapters, "shadow", lambda: stage.broker)
    settings.SHADOW_KEY_ID = "PK"

    on = _said("on", account=number)
    assert _said("on", account=number) == on
    order = stage.place()
    tasks.mirror_shadows()
    stage.decide((order, "new"), (order, "fill", "10", "100"))
    stage.shadow.put(changed(stage.shadow.fill("b1", "10", "100.1"), filled_at=timezone.now()))
    stage.look()
    report = _said("report", account=number)
    off = _said("off", account=number)

    assert (on["is_on"], on["shadow_account"], off["is_on"]) == (True, "PA3XYZ", False)
    assert off["orders"] == {"filled": 1}
    assert _said("status") == [off]
    assert report["sums"]["outcomes"]["both"] == 1
    assert report["rules"][0]["price_difference_bps"] == "10"
    text = StringIO()
    call_command("shadow", "report", account=number, stdout=text)
    call_command("shadow", "status", stdout=text)
    assert "1 orders: 1 both" in text.getvalue()
    assert "+10 bps, 1 dollars" in text.getvalue()
    told = AuditEntry.objects.filter(action__startswith="shadow.").order_by("pk")
    assert [(entry.action, entry.chain) for entry in told] == [
        ("shadow.on", stage.account.pk),
        ("shadow.off", stage.account.pk),
    ]
    assert schedule.BY_NAME["mirror-shadows"].task == tasks.mirror_shadows.name


def _said(step: str, **options: Any) -> Any:
    text = StringIO()
    call_command("shadow", step, json=True, stdout=text, **options)
    return json.loads(text.getvalue())


def test_a_key_that_opens_another_account_ends_the_mirror_before_anything_is_sent_there(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.turn_on()
    compared = stage.place()
    stage.look()
    stage.place()
    stage.shadow.number = "PA9OTHER"
    stage.shadow.calls.clear()

    link = stage.look()

    assert stage.shadow.calls == ["account"]
    assert [one.client_order_id for one in stage.shadow.orders.values()] == [str(compared)]
    why = "the key opened account PA3XYZ, and opens PA9OTHER now"
    assert (link.is_on, link.turned_off_at is None, link.lease, link.fault) == (False, False, None, why)
    assert mirror_due(lambda: stage.broker) == 0
    told = AuditEntry.objects.get(action="shadow.off")
    assert (told.chain, why in told.body, why in caplog.text) == (stage.account.pk, True, True)
    out = StringIO()
    call_command("shadow", "status", stdout=out)
    assert why in out.getvalue()
