"""What the audit log is told of accounts, their settings, keys and webhooks: with it, and never without it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from django.db import ProgrammingError, connection

from accounts import tracing
from accounts.binding import acting_for
from accounts.models import ApiKey, AuditDetail, AuditEntry, User
from accounts.models.audit import SYSTEM_CHAIN
from accounts.services import audit
from accounts.services.anchoring import verify_audit
from raxx import roles
from tests.factories.rows import NOON, make_account, make_api_key, make_market, make_webhook
from tests.factories.sessions import every_owned_row
from tests.trading.audited_acts import ACTS, World
from trading.models import SimulationProfile
from trading.services import (
    configuration,
    demo,
    keys,
    markets,
    own_accounts,
    profiles,
    settling,
    tape,
    webhooks,
)
from trading.services.key_terms import KeyTerms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> World:
    settings.AUDIT_ANCHORS, settings.AUDIT_KEY = tmp_path / "anchors", tmp_path / "key.pem"
    monkeypatch.setattr(webhooks, "target_of", lambda *_, **__: None)
    monkeypatch.setattr(tape, "_has_come", lambda _: True)
    monkeypatch.setattr(markets, "store_calendars", lambda: None)  # seconds, and another test's
    market = make_market(config={"symbols": ["IBM"]})
    account = make_account(cash=1000, market=market, name="Ada's first")
    return World(account, make_api_key(account), make_webhook(account))


def state() -> dict[str, list[str]]:
    """Return everything that these services may change."""
    rows = every_owned_row()
    with connection.cursor() as cursor:
        for table in ("accounts_user", "trading_simulationprofile", "matching_market", *AUDIT):
            cursor.execute(f"select t::text from {table} t order by 1")
            rows[table] = [text for (text,) in cursor.fetchall()]
    return rows


AUDIT = ("accounts_auditentry", "accounts_audithead", "accounts_auditdetail")


def told(world: World) -> list[tuple[str, str]]:
    which = {world.account.pk: "account", world.account.user_id: "user", SYSTEM_CHAIN: "system"}
    entries = AuditEntry.objects.order_by("at", "chain", "seq")
    return [(which.get(entry.chain, "new"), entry.action) for entry in entries]


@pytest.mark.parametrize("name", ACTS)
def test_the_service_leaves_its_entries_with_who_did_it_and_in_which_request(world: World, name: str):
    act, expected = ACTS[name]
    with tracing.tracing(request_id="req-7"):
        tracing.set_actor("key", world.key.pk)
        act(world)

    assert sorted(told(world)) == sorted(expected)
    assert {(entry.actor_kind, entry.actor_id, entry.request_id) for entry in AuditEntry.objects.all()} == {
        ("key", world.key.pk, "req-7")
    }
    assert verify_audit().faults == ()


@pytest.mark.parametrize("name", ACTS)
def test_what_cannot_be_told_is_not_done(world: World, monkeypatch: pytest.MonkeyPatch, name: str):
    before = state()
    monkeypatch.setattr(audit, "_APPEND", audit._APPEND.replace("accounts_auditentry", "accounts_nowhere"))
    with pytest.raises(ProgrammingError, match="accounts_nowhere"):
        ACTS[name][0](world)

    assert {table: rows for table, rows in state().items() if rows != before[table]} == {}


@pytest.mark.parametrize(
    "act",
    [
        lambda w: own_accounts.change_account(
            owner=w.account.user, account_id=w.account.pk, name="Ada's first", profile="displayed"
        ),
        lambda w: profiles.choose_profile(principal=w.principal, name="displayed"),
        lambda w: configuration.configure(principal=w.principal, changes={"no_shorting": False}),
        lambda w: configuration.configure(principal=w.principal, changes={}),
        lambda w: keys.change_own_key(owner=w.account.user, key_id=w.key.pk, name=""),
        lambda w: webhooks.change_endpoint(principal=w.principal, endpoint_id=w.endpoint.pk, url=w.endpoint.url),
        lambda w: webhooks.replay(endpoint_id=w.endpoint.pk, from_seq=1, is_dry=True),
        lambda w: profiles.define_profile(name="instant", changes={}),
    ],
    ids=["same name", "same profile", "same setting", "no setting", "same key", "same webhook", "dry", "same"],
)  # fmt: skip
def test_what_changes_nothing_is_not_told(world: World, act: Callable[[World], Any]):
    act(world)

    assert told(world) == []


def body_of(action: str) -> dict[str, Any]:
    return msgspec.json.decode(AuditEntry.objects.get(action=action).body)


def details_of(action: str) -> dict[str, Any]:
    entry = AuditEntry.objects.get(action=action)
    return msgspec.json.decode(AuditDetail.objects.get(digest=entry.details_digest).details)


def test_a_change_is_told_with_what_was_before_and_what_is_after(world: World):
    ACTS["configure"][0](world)
    ACTS["choose_profile"][0](world)
    ACTS["rotate_secret"][0](world)

    assert body_of("configuration.changed") == {
        "before": {"no_shorting": False},
        "after": {"no_shorting": True},
    }
    assert body_of("profile.chosen") == {
        "before": {"profile": {"name": "displayed", "version": 1}},
        "after": {"profile": {"name": "instant", "version": 1}},
    }
    assert body_of("webhook.secret_rotated")["after"]["secret_version"] == 2


def test_names_addresses_and_urls_are_details_that_can_be_erased(world: World):
    for name in ("rename", "create_endpoint", "change_endpoint", "create_api_key", "create_account"):
        ACTS[name][0](world)

    bodies = " ".join(AuditEntry.objects.values_list("body", flat=True))
    for personal in ("Ada", "Ben", "hush", "example", "https"):
        assert personal not in bodies
    assert details_of("account.renamed") == {"before": "Ada's first", "after": "Ben's"}
    assert details_of("user.created") == {"email": "new@example.com"}
    assert details_of("webhook.created")["url"] == "https://ada.example/hook?token=hush"
    assert details_of("api_key.created")["name"] == "Ada's bot"


def test_no_entry_holds_a_secret(world: World):
    made = keys.create_api_key(email=world.account.user.email, terms=KeyTerms())
    successor = keys.rotate_api_key(key_id=made.key.pk)
    _, secret = webhooks.create_endpoint(principal=world.principal, url="https://a.example", description="")

    everything = " ".join(
        [
            *AuditEntry.objects.values_list("body", flat=True),
            *AuditDetail.objects.values_list("details", flat=True),
        ]
    )
    for hidden in (made.secret, successor.secret, secret):
        assert hidden not in everything


@pytest.mark.parametrize("by_whom", ["who asked", "the sweep"])
def test_a_reset_is_told_when_it_is_asked_for_and_when_it_is_done_whoever_does_it(world: World, by_whom: str):
    account, owner = world.account, world.account.user
    if by_whom == "who asked":
        own_accounts.reset_account(owner=owner, account_id=account.pk, cash=Decimal(70))
    else:
        own_accounts._ask_for_reset(owner, account.pk, Decimal(70), None, "")
        assert settling.settle_accounts() == 1
    own_accounts.reset_account(owner=owner, account_id=account.pk, generation=1)  # a repeat, after its end

    assert told(world) == [("account", "account.reset_asked"), ("account", "account.reset")]
    assert body_of("account.reset") == {
        "before": {"status": "ACCOUNT_UPDATED", "generation": 1, "cash": "1000"},
        "after": {"status": "ACTIVE", "generation": 2, "cash": "70"},
    }


def test_asking_again_is_told_only_if_it_asks_for_something_else(world: World):
    for cash in (Decimal(70), Decimal(70), None, Decimal(80)):
        own_accounts._ask_for_reset(world.account.user, world.account.pk, cash, None, "")

    asked = AuditEntry.objects.filter(action="account.reset_asked").order_by("seq")
    assert [msgspec.json.decode(entry.body)["after"]["cash"] for entry in asked] == ["70", "80"]


def test_an_archive_is_told_with_the_keys_that_it_ends(world: World):
    over = make_api_key(world.account, revoked_at=NOON)
    for _ in range(2):
        own_accounts.archive_account(owner=world.account.user, account_id=world.account.pk)

    assert told(world) == [("account", "account.archive_asked"), ("account", "account.archived")]
    assert body_of("account.archive_asked")["after"] == {"keys_ended": [world.key.pk]}
    assert ApiKey.objects.get(pk=over.pk).revoked_at == NOON


def test_the_demo_s_making_is_told_and_its_return_is_not(world: World, tmp_path: Path):
    market = world.account.market
    for _ in range(2):
        demo.ensure_demo(market=market, file=tmp_path / "demo.json", base_url="http://localhost", now=NOON)
    (tmp_path / "demo.json").unlink()
    (tmp_path / "demo-keys.json").unlink()
    demo.ensure_demo(market=market, file=tmp_path / "demo.json", base_url="http://localhost", now=NOON)

    assert [action for _, action in told(world)] == [
        "user.created", "account.opened", "api_key.created", "api_key.revoked", "api_key.created",
    ]  # fmt: skip


def test_who_serves_people_tells_with_its_own_rights(world: World):
    """Do as `raxx_app` what people do over HTTP."""
    does = [
        "open_own_account", "rename", "choose_profile", "configure", "create_own_key", "create_endpoint",
        "change_endpoint", "rotate_secret", "delete_endpoint", "restart a tape", "ask for a reset",
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.APP}")
        try:
            with acting_for(world.account.user_id):
                for name in does:
                    ACTS[name][0](world)
        finally:
            cursor.execute("reset role")

    assert {action for _, action in told(world)} == {action for name in does for _, action in ACTS[name][1]}
    assert User.objects.count() == 1
    assert SimulationProfile.objects.count() == 6
