"""Another tier: more at once, less after thirty days, each step told, mailed and repeatable."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.db import ProgrammingError, connection

from accounts.binding import acting_for
from accounts.errors import NotFound, ValueInvalid
from accounts.models import AuditEntry, Tier, TierChange, User
from accounts.models.user import new_id
from accounts.services.tiers import NOTICE, apply_due, pending_change, set_tier
from accounts.signals import tier_changed
from accounts.tiers import ALLOWANCES, allowance, is_less
from raxx import roles
from tests.factories.rows import make_user

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DUE = NOW + NOTICE
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def person() -> User:
    return make_user(tier=Tier.PRO)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Return the tiers that whoever keeps allowances was told of."""
    told: list[str] = []

    def hear(tier: str, **_: Any) -> None:
        assert connection.in_atomic_block
        told.append(tier)

    tier_changed.connect(hear)
    yield told
    tier_changed.disconnect(hear)


def wish(person: User, tier: str, **options: Any) -> Any:
    return set_tier(**{"user_id": person.pk, "tier": tier, "reason": "asked for it", "now": NOW, **options})


def tier_of(person: User) -> str:
    return User.objects.get(pk=person.pk).tier


def told() -> list[str]:
    return list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))


def test_each_tier_has_what_the_one_below_has_and_more() -> None:
    def weight(line: Any) -> float:
        return float("inf") if line is None else line

    free, pro, pro_plus = (
        [weight(line) for line in astuple(ALLOWANCES[tier])] for tier in (Tier.FREE, Tier.PRO, Tier.PRO_PLUS)
    )
    assert all(less <= more for less, more in zip(free, pro, strict=True))
    assert all(less <= more for less, more in zip(pro, pro_plus, strict=True))
    assert [ALLOWANCES[tier].history_days for tier in Tier] == [90, 3 * 365, None]


@pytest.mark.parametrize("word", ["", "gold", "Free"])
def test_an_unknown_tier_has_no_line(word: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Tier"):
        allowance(word)
    with pytest.raises(ValueError, match="is not a valid Tier"):
        is_less("free", than=word)


def test_an_upgrade_holds_at_once(person: User, heard: list[str]) -> None:
    done = wish(person, "pro_plus")

    assert (done.outcome, done.before, done.tier, done.pending) == ("changed", "pro", "pro_plus", None)
    assert tier_of(person) == "pro_plus"
    assert (heard, told()) == (["pro_plus"], ["tier.changed"])
    change = TierChange.objects.get()
    assert (change.from_tier, change.to_tier, change.applied_at) == ("pro", "pro_plus", NOW)


def test_a_downgrade_waits_for_thirty_days(person: User, heard: list[str]) -> None:
    done = wish(person, "free")

    assert (done.outcome, done.tier) == ("downgrade_asked", "pro")
    assert (done.pending.to_tier, done.pending.applies_at) == ("free", DUE)
    assert pending_change(person.pk) == done.pending
    assert (tier_of(person), heard, told()) == ("pro", [], ["tier.downgrade_asked"])


def test_the_person_is_warned_with_what_they_will_have_less_of(person: User) -> None:
    wish(person, "free")

    [warning] = mail.outbox
    assert warning.to == [person.email]
    assert "Free" in warning.subject
    for words in ("2026-03-31 12:00 UTC", "1 open account(s), not 5", "1 webhook endpoint(s)", "90 days of orders",
                  "10 open streams for an account, not 25", "replay markets", "/raxx/v1/tier"):  # fmt: skip
        assert words in warning.body


def test_an_upgrade_mails_nothing(person: User) -> None:
    wish(person, "pro_plus")
    assert mail.outbox == []


def test_a_mail_server_that_is_away_does_not_undo_the_downgrade(
    person: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", fail)

    assert wish(person, "free").outcome == "downgrade_asked"
    assert "nobody listens" in caplog.text


def test_it_applies_on_its_day_and_not_before(person: User, heard: list[str]) -> None:
    wish(person, "free")

    assert (apply_due(now=DUE - MOMENT), tier_of(person)) == (0, "pro")
    assert (apply_due(now=DUE), tier_of(person)) == (1, "free")
    assert (apply_due(now=DUE), heard) == (0, ["free"])  # again changes nothing
    assert told() == ["tier.downgrade_asked", "tier.changed"]
    assert TierChange.objects.get().applied_at == DUE


def test_the_tier_that_one_has_withdraws_it(person: User, heard: list[str]) -> None:
    wish(person, "free")

    done = wish(person, "pro", now=NOW + timedelta(days=2))

    assert (done.outcome, done.pending) == ("downgrade_withdrawn", None)
    assert (apply_due(now=DUE), tier_of(person), heard) == (0, "pro", [])
    assert told() == ["tier.downgrade_asked", "tier.downgrade_withdrawn"]


def test_an_upgrade_withdraws_it_too(person: User) -> None:
    wish(person, "free")

    done = wish(person, "pro_plus")

    assert (done.outcome, done.pending) == ("changed", None)
    assert (apply_due(now=DUE), tier_of(person)) == (0, "pro_plus")


def test_asking_again_changes_nothing_and_keeps_the_day(person: User) -> None:
    wish(person, "free")
    mail.outbox.clear()

    done = wish(person, "free", now=NOW + timedelta(days=20))

    assert (done.outcome, done.pending.applies_at) == ("unchanged", DUE)
    assert (TierChange.objects.count(), mail.outbox, told()) == (1, [], ["tier.downgrade_asked"])


def test_another_downgrade_takes_the_place_of_the_first_and_has_thirty_days_of_its_own() -> None:
    person = make_user(tier=Tier.PRO_PLUS)
    wish(person, "pro")

    done = wish(person, "free", now=NOW + timedelta(days=5))

    assert (done.pending.to_tier, done.pending.applies_at) == ("free", DUE + timedelta(days=5))
    assert (apply_due(now=DUE), tier_of(person)) == (0, "pro_plus")
    assert (apply_due(now=DUE + timedelta(days=5)), tier_of(person)) == (1, "free")


def test_a_downgrade_can_hold_at_once(person: User, heard: list[str]) -> None:
    wish(person, "free")
    mail.outbox.clear()

    done = wish(person, "free", is_at_once=True)

    assert (done.outcome, done.tier, done.pending, heard) == ("changed", "free", None, ["free"])
    assert (mail.outbox, apply_due(now=DUE)) == ([], 0)


def test_nothing_changes_when_nothing_is_asked(person: User) -> None:
    assert wish(person, "pro").outcome == "unchanged"
    assert (TierChange.objects.count(), told()) == (0, [])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tier": "gold"}, "tier 'gold' is not one of free, pro, pro_plus"),
        ({"reason": "  "}, "a reason is 1 to 200 printable characters"),
        ({"reason": "x" * 201}, "a reason is 1 to 200 printable characters"),
        ({"reason": "one\ntwo"}, "a reason is 1 to 200 printable characters"),
    ],
    ids=["tier", "no reason", "long reason", "two lines"],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    person: User, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueInvalid, match=words):
        wish(person, **{"tier": "free", **wrong})
    assert (TierChange.objects.count(), told(), tier_of(person)) == (0, [], "pro")


def test_nobody_has_no_tier() -> None:
    with pytest.raises(NotFound):
        set_tier(user_id=new_id(), tier="pro", reason="asked", now=NOW)


def test_when_whoever_keeps_allowances_fails_the_tier_stays(person: User) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("cannot fit")

    tier_changed.connect(fail)
    try:
        with pytest.raises(RuntimeError, match="cannot fit"):
            wish(person, "pro_plus")
    finally:
        tier_changed.disconnect(fail)

    assert (tier_of(person), TierChange.objects.count(), told()) == ("pro", 0, [])


def as_role(role: str, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"set role {role}")
        try:
            cursor.execute(statement)
        finally:
            cursor.execute("reset role")


@pytest.mark.parametrize(
    "statement",
    [
        "update accounts_user set tier = 'pro_plus'",
        "update accounts_tierchange set applied_at = now()",
        "delete from accounts_tierchange",
        (
            "insert into accounts_tierchange (id, user_id, from_tier, to_tier, reason, asked_at, applies_at)"
            " select uuidv7(), id, 'free', 'pro', 'mine', now(), now() from accounts_user"
        ),
    ],
    ids=["tier", "apply", "delete", "insert"],
)
def test_nobody_who_is_served_gives_themselves_a_tier(person: User, statement: str) -> None:
    wish(person, "free")
    with acting_for(person.pk), pytest.raises(ProgrammingError, match="permission denied"):
        as_role(roles.APP, statement)
    assert tier_of(person) == "pro"


def test_one_sees_one_s_own_changes_alone(person: User) -> None:
    other = make_user(tier=Tier.PRO)
    wish(person, "free")
    wish(other, "free")
    seen = []
    with acting_for(person.pk), connection.cursor() as cursor:
        cursor.execute(f"set role {roles.APP}")
        try:
            cursor.execute("select user_id from accounts_tierchange")
            seen = cursor.fetchall()
        finally:
            cursor.execute("reset role")
    assert seen == [(person.pk,)]


def test_the_worker_may_apply_what_is_due(person: User) -> None:
    wish(person, "free")
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.WORKER}")
        try:
            assert apply_due(now=DUE) == 1
        finally:
            cursor.execute("reset role")
    assert tier_of(person) == "free"
