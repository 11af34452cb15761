"""What the staff may have done: asked for in the admin, performed by the worker's role, told twice, done once."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models import ApiKey, Erasure, Export, Session
from accounts.models.audit import AuditEntry
from broker_handoff.models import BrokerConnection
from raxx import roles
from tests.support.conftest import ACT, VIEW, grant, make_staff, served_as
from tests.support.dying import die_before_it_is_told, let_another_try
from trading.admin.offers import offers
from trading.models import AccountGrant, Asset, Journal, StaffAct, TradingAccount, WebhookEndpoint
from trading.services import staff_acts, staff_deeds
from trading.services.staff_acts import due, kinds, perform_act

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.mail import EmailMessage

    from accounts.models import User
    from tests.support.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

ACTS = "/admin/trading/staffact/"
REASON = {"reason": "asked for in the ticket", "ticket": "T-7"}


def act_page(account: TradingAccount, kind: str) -> str:
    return f"/admin/trading/tradingaccount/{account.pk}/act/{kind}/"


def performed(act: StaffAct) -> StaffAct:
    """Let a worker do it, by its own role."""
    with served_as(roles.WORKER):
        perform_act(act.pk)
    act.refresh_from_db()
    return act


def told(account: TradingAccount | None = None) -> list[tuple[str, str]]:
    about = {"chain": account.pk} if account else {"subject": None}
    entries = AuditEntry.objects.filter(**about).exclude(action__in=["grant.given", "account.viewed"])
    return [(entry.action, f"{entry.actor_kind}:{entry.actor_id}") for entry in entries.order_by("seq")]


def webhook_of(account: TradingAccount) -> dict[str, Any]:
    endpoint = WebhookEndpoint.objects.filter(account=account).earliest("pk")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(cursor=5)
    return {"endpoint_id": str(endpoint.pk), "from_seq": 2}


# By kind: what the form is told beside its reason, and what the database says afterwards.
SAID: dict[str, Callable[[TradingAccount], dict[str, Any]]] = {
    "adjust_cash": lambda _: {"amount": "-250.50", "note": "a fee that was ours"},
    "change_tier": lambda _: {"tier": "pro"},
    "erase": lambda _: {"confirmation": "erase this person"},
    "replay_webhook": webhook_of,
    "suspend_asset": lambda _: {"symbol": "IBM"},
    "resume_asset": lambda _: {"symbol": "HAL"},
}
SEEN: dict[str, Callable[[TradingAccount], Any]] = {
    "freeze": lambda one: one.frozen_at is not None,
    "thaw": lambda one: one.frozen_at,
    "cancel_orders": lambda one: set(one.orders.values_list("status", flat=True)),
    "adjust_cash": lambda one: (one.cash, Journal.objects.filter(account=one, kind="adjustment").count()),
    "change_tier": lambda one: one.user.tier,
    "revoke_keys": lambda one: ApiKey.objects.filter(account_id=one.pk, revoked_at=None).count(),
    "end_sessions": lambda one: list(
        Session.objects.filter(user=one.user).values_list("end_reason", flat=True)
    ),
    "replay_webhook": lambda one: WebhookEndpoint.objects.filter(account=one).earliest("pk").cursor,
    "export": lambda one: Export.objects.filter(user=one.user, status="waiting").count(),
    "erase": lambda one: Erasure.objects.get(user=one.user).by,
    "disconnect_live": lambda one: BrokerConnection.objects.get(user=one.user).status,
    "suspend_asset": lambda _: Asset.objects.get(symbol="IBM").suspended_at is not None,
    "resume_asset": lambda _: Asset.objects.get(symbol="HAL").suspended_at,
}
COMES_TO: dict[str, Any] = {
    "freeze": True,
    "thaw": None,
    "cancel_orders": {"pending_cancel"},
    "adjust_cash": (Decimal("749.50"), 1),
    "change_tier": "pro",
    "revoke_keys": 0,
    "end_sessions": ["by_staff"],
    "replay_webhook": 1,
    "export": 1,
    "erase": "operator",
    "disconnect_live": "disconnected",
    "suspend_asset": True,
    "resume_asset": None,
}
# Of what is done to their access, or to them as a whole, the person hears by mail (an export's link comes with it).
MAILED = {"change_tier", "revoke_keys", "end_sessions", "erase", "disconnect_live"}
GLOBAL = {"suspend_asset", "resume_asset", "cut_everybody"}


def test_every_kind_is_asked_for_in_a_test() -> None:
    assert kinds() == SEEN.keys() | {"cut_everybody"}  # that one: test_staff_switches.py


@pytest.mark.parametrize("kind", list(SEEN))
def test_an_act_is_asked_for_by_http_and_done_once_by_a_worker(
    sign_in: SignIn, world: TradingAccount, kind: str, mailoutbox: list[EmailMessage]
) -> None:
    staff = make_staff(is_superuser=kind in GLOBAL)
    grant(staff, world, ACT)
    if kind == "thaw":
        TradingAccount.objects.filter(pk=world.pk).update(frozen_at=timezone.now())
    if kind == "cancel_orders":
        world.orders.update(status="new")
    page = f"{ACTS}ask/{kind}/" if kind in GLOBAL else act_page(world, kind)
    said = SAID.get(kind, lambda _: {})(world)

    answer = sign_in(staff).post(page, {**REASON, **said})
    act = StaffAct.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{ACTS}{act.pk}/change/")
    assert (act.kind, act.status, act.staff_id, act.request_id) == (
        kind, "waiting", staff.pk, answer["X-Request-ID"],
    )  # fmt: skip
    performed(act)
    world.refresh_from_db()
    assert (act.status, SEEN[kind](world)) == ("done", COMES_TO[kind])

    actor, chain = f"staff:{staff.pk}", (None if kind in GLOBAL else world)
    entries = told(chain)
    assert {who for _, who in entries} == {actor}
    assert [what for what, _ in entries if what.startswith("staff.")] == ["staff.asked", "staff.done"]
    asked = AuditEntry.objects.get(action="staff.asked")
    assert "asked for in the ticket" in asked.body
    # A worker that died before it wrote down that it was done does it again.
    StaffAct.objects.update(status="waiting", done_at=None, next_attempt_at=timezone.now())
    performed(act)
    world.refresh_from_db()
    assert (act.status, SEEN[kind](world)) == ("done", COMES_TO[kind])
    assert [mail.to for mail in mailoutbox] == ([[world.user.email]] if kind in MAILED else [])


def test_what_reaches_the_whole_person_says_so_before_it_is_asked_for_and_is_mailed(
    sign_in: SignIn, staff: User, world: TradingAccount
) -> None:
    grant(staff, world, ACT)
    client = sign_in(staff)
    says = {
        offer.kind
        for offer in offers(is_global=False)
        if "reaches the person as a whole" in client.get(act_page(world, offer.kind)).content.decode()
    }

    assert says == {"change_tier", "end_sessions", "export", "erase", "disconnect_live"}
    assert says <= MAILED | {"export"}


def test_what_was_granted_to_be_looked_at_is_not_acted_on(
    sign_in: SignIn, staff: User, world: TradingAccount
) -> None:
    grant(staff, world, VIEW)
    client = sign_in(staff)

    assert "not to act on" in client.get(act_page(world, "freeze")).content.decode()
    answer = client.post(act_page(world, "freeze"), REASON)
    assert answer.status_code == 422
    assert "it was not granted to you" in answer.content.decode()
    assert client.get(f"/admin/trading/tradingaccount/{world.pk}/case/").context["offers"] == []
    assert not StaffAct.objects.exists()
    assert told(world) == []


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        pytest.param("freeze", {"reason": ""}, "reason", id="no reason"),
        pytest.param("freeze", {"reason": "  "}, "reason", id="a blank reason"),
        pytest.param("export", {"ticket": ""}, "ticket", id="an export without a ticket"),
        pytest.param("erase", {"confirmation": "erase"}, "confirmation", id="an erasure that was not typed"),
        pytest.param("adjust_cash", {"amount": "0", "note": "x"}, "amount", id="an adjustment of nothing"),
        pytest.param("adjust_cash", {"amount": "0.001", "note": "x"}, "amount", id="a part of a cent"),
        pytest.param("change_tier", {"tier": "gold"}, "tier", id="another tier"),
    ],
)
def test_a_form_that_says_too_little_asks_for_nothing(
    sign_in: SignIn, staff: User, world: TradingAccount, kind: str, change: dict[str, str], field: str
) -> None:
    grant(staff, world, ACT)
    answer = sign_in(staff).post(act_page(world, kind), {**REASON, **change})

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not StaffAct.objects.exists()


def test_a_passkey_that_was_not_shown_lately_asks_for_nothing(
    sign_in: SignIn, staff: User, world: TradingAccount
) -> None:
    grant(staff, world, ACT)
    answer = sign_in(staff, shows_passkey=False).post(act_page(world, "freeze"), REASON)

    assert (answer.status_code, answer.json()["error"]) == (401, "step_up_required")
    assert not StaffAct.objects.exists()


@pytest.mark.parametrize("kind", sorted(GLOBAL))
def test_what_concerns_everybody_is_for_those_who_oversee(sign_in: SignIn, staff: User, kind: str) -> None:
    said = {**REASON, "symbol": "IBM", "confirmation": "disconnect everybody"}
    answer = sign_in(staff).post(f"{ACTS}ask/{kind}/", said)

    assert answer.status_code == sign_in(staff).post(f"{ACTS}ask/nothing/", said).status_code != 200
    assert not StaffAct.objects.exists()


def test_a_refusal_stands_on_the_act_s_page_in_words(
    sign_in: SignIn, staff: User, world: TradingAccount
) -> None:
    grant(staff, world, ACT)
    client = sign_in(staff)
    page = client.post(act_page(world, "adjust_cash"), {**REASON, "amount": "-2000", "note": "back"})[
        "Location"
    ]
    act = performed(StaffAct.objects.get())

    assert act.status == "refused"
    assert "only 1000 dollars are not held" in client.get(page).content.decode()
    assert told(world)[-1] == ("staff.refused", f"staff:{staff.pk}")
    world.refresh_from_db()
    assert world.cash == 1000


@pytest.mark.parametrize("what_ends", ["the grant", "being staff"])
def test_who_may_no_more_when_a_worker_comes_has_nothing_done(
    sign_in: SignIn, staff: User, world: TradingAccount, what_ends: str
) -> None:
    grant(staff, world, ACT)
    sign_in(staff).post(act_page(world, "freeze"), REASON)
    if what_ends == "the grant":
        AccountGrant.ever.update(ended_at=timezone.now())
    else:
        type(staff).objects.filter(pk=staff.pk).update(is_staff=False)

    act = performed(StaffAct.objects.get())
    world.refresh_from_db()
    assert (act.status, act.outcome, world.frozen_at) == (
        "refused", "whoever asked for it may do so no more", None,
    )  # fmt: skip


def test_a_worker_that_dies_leaves_the_act_to_the_next_one(
    sign_in: SignIn, staff: User, world: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(staff, world, ACT)
    sign_in(staff).post(act_page(world, "adjust_cash"), {**REASON, "amount": "5", "note": "sorry"})
    act = StaffAct.objects.get()

    die_before_it_is_told(act, monkeypatch)
    assert due() == []  # another worker may be at it
    let_another_try(act)
    assert due() == [act.pk]
    assert performed(act).status == "done"
    world.refresh_from_db()
    assert (world.cash, Journal.objects.filter(kind="adjustment").count()) == (1005, 1)


def test_what_fails_without_a_word_is_tried_again_and_given_up_at_last(
    sign_in: SignIn, staff: User, world: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(staff, world, ACT)
    sign_in(staff).post(act_page(world, "freeze"), REASON)
    act = StaffAct.objects.get()

    def broken(**_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(staff_deeds, "freeze", broken)
    for _ in range(staff_acts.ATTEMPTS_MAX):
        StaffAct.objects.update(next_attempt_at=timezone.now())
        with pytest.raises(RuntimeError, match="a bug"):
            perform_act(act.pk)
    act.refresh_from_db()
    assert (act.status, due()) == ("failed", [])
