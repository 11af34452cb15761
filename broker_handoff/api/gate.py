"""/raxx/v1/live/gate: how somebody's own record stands, criterion by criterion, and by which account they are judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.api.base import SessionView
from accounts.api.bodies import json_response
from broker_handoff.gate.stored import month_as_json, report_as_json, rules_as_json
from broker_handoff.services import gate
from broker_handoff.services.gate_nominations import nominate
from trading.wire import instant

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse
    from rest_framework.request import Request

    from broker_handoff.models import GateOverride, GateVerdict
    from broker_handoff.records import Nominated
    from broker_handoff.services.gate import Gate, Judgement

VERDICTS_MAX = 50


class GateView(SessionView):
    """The gate, as it stands to the person."""

    def get(self, _request: Request) -> HttpResponse:
        """Tell what is met and what is missing, and what is in force. Stores nothing."""
        return json_response(_body(gate.gate_of(self.session), gate.judgement_of(self.session)))


class AccountOfGate(SessionView):
    """The account by which the person is judged."""

    def put(self, _request: Request, account_id: UUID) -> HttpResponse:
        """Name it. Raises NotFound, RuleBroken."""
        nominate(owner=self.session, account_id=account_id, request_id=self.request_id)
        return json_response(_body(gate.gate_of(self.session), gate.judgement_of(self.session)))


class Verdicts(SessionView):
    """The verdicts on the person."""

    def get(self, _request: Request) -> HttpResponse:
        """List the newest with what each was computed from."""
        newest = gate.verdicts_of(self.session)[:VERDICTS_MAX]
        return json_response([{**_verdict(each), "inputs": each.inputs} for each in newest])


def _body(gate_now: Gate, judgement: Judgement | None) -> dict[str, Any]:
    opened_by = "override" if gate_now.override else "record" if gate_now.is_open else None
    return {
        "is_open": gate_now.is_open,
        "opened_by": opened_by,
        "override": None if gate_now.override is None else _override(gate_now.override),
        "verdict": None if gate_now.verdict is None else _verdict(gate_now.verdict),
        "rules": rules_as_json(gate.rules_now()),
        "account": None if judgement is None else _account(judgement.nominated),
        "report": None if judgement is None else report_as_json(judgement.report),
        "present_month": None if judgement is None else month_as_json(judgement.present),
    }


def _account(nominated: Nominated) -> dict[str, Any]:
    return {
        "id": nominated.account_id,
        "account_number": nominated.account_number,
        "named_at": None if nominated.since is None else instant(nominated.since),
        "counts": nominated.counts,
    }


def _override(override: GateOverride) -> dict[str, Any]:
    assert override.approved_at is not None
    assert override.expires_at is not None
    return {
        "reason": override.reason,
        "approved_at": instant(override.approved_at),
        "expires_at": instant(override.expires_at),
    }


def _verdict(verdict: GateVerdict) -> dict[str, Any]:
    return {
        "id": verdict.pk,
        "is_open": verdict.is_open,
        "through": verdict.through,
        "rules_version": verdict.rules_version,
        "computed_at": instant(verdict.computed_at),
        "report": verdict.report,
    }
