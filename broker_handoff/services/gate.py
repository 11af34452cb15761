"""Judge people by their own record, and say whether the gate to live trading is open to somebody.

A verdict is computed by a worker or an operator, and stored with what it was computed from. Who asks whether the
gate is open reads rows: a verdict that knows every month that is over, of the account and by the rules
of now; or an override that lives. Why so: broker_handoff/decisions/0004-gate.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts import tracing
from accounts.errors import RuleBroken
from accounts.models import User
from accounts.services.audit import record
from broker_handoff.gate.rules import VERSION, MonthReport, Report, Rules, criteria_of, judge
from broker_handoff.gate.stored import (
    digest_of,
    inputs_as_json,
    judged_anew,
    report_as_json,
    rules_as_json,
)
from broker_handoff.models import GateMonth, GateOverride, GateVerdict
from broker_handoff.records import Nominated, last_month, may_be_kept, nominated_by, records_of
from matching.market.times import new_york, to_datetime
from matching.models import Market
from trading import reference

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.querysets import Owner
    from broker_handoff.gate.record import MonthRecord

logger = logging.getLogger(__name__)

LOOKED_AT_AGAIN = timedelta(days=7)  # after a month's end: a close may come late

_DUE = """
select distinct a.user_id from trading_tradingaccount a
 where a.market_id = %(market)s
   and (exists (select from trading_fill f
                 where f.account_id = a.account_id and f.at >= %(begins)s and f.at < %(ends)s)
        or (select v.is_open from broker_handoff_gateverdict v
             where v.user_id = a.user_id order by v.computed_at desc, v.id desc limit 1))
   and (not exists (select from broker_handoff_gateverdict v where v.user_id = a.user_id and v.through >= %(month)s)
        or (%(is_fresh)s and not exists (select from broker_handoff_gatemonth k
                                          where k.user_id = a.user_id and k.month = %(month)s)))
 order by a.user_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a record comes to now: the months that are over, newest last, and how the present one stands."""

    nominated: Nominated
    rules: Rules
    records: tuple[MonthRecord, ...]
    report: Report
    present: MonthReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether it is open to somebody, and what opened it: an override that lives, or the newest verdict."""

    is_open: bool
    override: GateOverride | None
    verdict: GateVerdict | None  # the newest; it may be out of date, and then it opens nothing


def rules_now() -> Rules:
    """Return the rules by which everybody is judged now."""
    return Rules(months=settings.GATE_MONTHS)


def judgement_of(owner: Owner) -> Judgement | None:
    """Return what somebody's record comes to now, and store nothing; None for who has no account that counts."""
    nominated = nominated_by(owner)
    if nominated is None:
        return None
    rules = rules_now()
    months = [nominated.last]
    while len(months) < rules.months:
        months.insert(0, months[0].previous)
    *records, present = records_of(owner, nominated, [*months, nominated.present])
    return Judgement(
        nominated=nominated,
        rules=rules,
        records=tuple(records),
        report=judge(records, rules),
        present=MonthReport(month=present.month, criteria=criteria_of(present, rules)),
    )


@transaction.atomic(durable=True)
def verdict_of(*, user_id: UUID, now: datetime) -> GateVerdict | None:
    """Judge somebody and return the verdict: a new one, or the newest if nothing has changed since.

    None for who has no account that counts. `now` is the wall's. The months that are over and whole are kept.
    """
    person = User(pk=user_id)
    judgement = judgement_of(person)
    if judgement is None:
        return None
    nominated = judgement.nominated
    months = [
        GateMonth(
            account_id=nominated.account_id,
            user_id=user_id,
            month=str(each.month),
            record=each.as_inputs(),
            kept_at=now,
        )
        for each in judgement.records
        if may_be_kept(nominated, each)
    ]
    GateMonth.objects.bulk_create(months, ignore_conflicts=True)
    inputs = inputs_as_json(
        account=str(nominated.account_id),
        rules=judgement.rules,
        records=judgement.records,
        nominated_at=None if nominated.since is None else nominated.since.isoformat(),
    )
    digest, before = digest_of(inputs), _newest(person)
    if before is not None and bytes(before.inputs_digest) == digest:
        return before
    verdict = GateVerdict.objects.create(
        user_id=user_id,
        rules_version=VERSION,
        through=str(nominated.last),
        inputs=inputs,
        inputs_digest=digest,
        report=report_as_json(judgement.report),
        is_open=judgement.report.is_open,
        computed_at=now,
    )
    was_open = before is not None and before.is_open
    if verdict.is_open != was_open:
        record(
            action="gate.opened" if verdict.is_open else "gate.closed",
            user_id=user_id,
            after={"verdict": verdict.pk, "through": verdict.through},
        )
    return verdict


def recomputed(verdict: GateVerdict) -> Report:
    """Return the report on what a verdict was computed from. Raises RuleBroken for rules of another version."""
    if verdict.rules_version != VERSION:
        raise RuleBroken(f"it was judged by version {verdict.rules_version} of the rules; this is {VERSION}")
    return judged_anew(verdict.inputs)


def gate_of(owner: Owner, *, now: datetime | None = None) -> Gate:
    """Return whether the gate is open to somebody, and by what. Reads only; may be called in a transaction."""
    override = _living_overrides(owner, now or timezone.now()).first()
    verdict = _newest(owner)
    is_earned = verdict is not None and verdict.is_open and _holds(owner, verdict)
    return Gate(is_open=override is not None or is_earned, override=override, verdict=verdict)


def is_gate_open(user_id: UUID) -> bool:
    """Say whether somebody may trade live as far as the gate is concerned. Reads only, as above."""
    return gate_of(User(pk=user_id)).is_open


def verdicts_of(owner: Owner) -> QuerySet[GateVerdict]:
    """Return somebody's verdicts, the newest first."""
    return GateVerdict.objects.owned_by(owner).order_by("-computed_at", "-pk")


def judge_due(*, now: datetime) -> int:
    """Judge everybody who traded in the month that ended last, or had the gate open; return how many.

    May run twice, or beside itself. Who has been judged is left alone, but for a week after a month's
    end whoever's closes are not all there yet.
    """
    judged = 0
    for market in Market.objects.filter(feed__in=settings.GATE_FEEDS).order_by("pk"):
        for user_id in _due(market.pk):
            with tracing.caused_by(""):
                tracing.told(user_id=user_id)
                verdict = verdict_of(user_id=user_id, now=now)
            judged += 1
            if verdict is not None and verdict.is_open:
                logger.info("the gate is open to user %s through %s", user_id, verdict.through)
    return judged


def _due(market_id: int) -> list[UUID]:
    market_now = reference.market_now(market_id)
    month = last_month(market_now)
    ends_at = to_datetime(new_york(month.next.first_day))
    parameters: dict[str, Any] = {
        "market": market_id,
        "month": str(month),
        "begins": to_datetime(new_york(month.first_day)),
        "ends": ends_at,
        "is_fresh": market_now < ends_at + LOOKED_AT_AGAIN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE, parameters)
        return [user_id for (user_id,) in cursor.fetchall()]


def _newest(owner: Owner) -> GateVerdict | None:
    return verdicts_of(owner).first()


def _living_overrides(owner: Owner, now: datetime) -> QuerySet[GateOverride]:
    mine = GateOverride.objects.owned_by(owner).filter(
        approved_at__isnull=False, ended_at=None, expires_at__gt=now
    )
    return mine.order_by("-expires_at", "pk")


def _holds(owner: Owner, verdict: GateVerdict) -> bool:
    """Say whether a verdict is still of now: its rules, its account and its months."""
    nominated = nominated_by(owner)
    return (
        nominated is not None
        and nominated.counts
        and verdict.rules_version == VERSION
        and verdict.inputs["rules"] == rules_as_json(rules_now())
        and verdict.inputs["account"] == str(nominated.account_id)
        and verdict.through == str(nominated.last)
    )
