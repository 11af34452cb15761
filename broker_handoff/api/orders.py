"""/raxx/v1/live/orders: what a signed-in person wants done at their broker. No API key comes near it.

Answered 202 as soon as it is written down; what became of it, its row tells. Where live trading is off
the paths that lead out are not there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db.models import Q

from accounts.api.base import SessionView
from accounts.api.bodies import json_response, read_body
from accounts.errors import NotFound, ValueInvalid
from broker_handoff.api.bodies import changes_of, order_decoder, replace_decoder, terms_of
from broker_handoff.models import LiveIntent
from broker_handoff.services import intents
from broker_handoff.services.gate import is_gate_open
from broker_handoff.states import FINAL
from matching.market.times import to_datetime
from trading.api import query
from trading.wire import instant, instant_or_none, plain, plain_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from django.db.models import QuerySet
    from django.http import HttpResponse
    from rest_framework.request import Request

    from broker_handoff.models import IntentEvent

ACCEPTED = 202
LIMIT_DEFAULT, LIMIT_MAX = 50, 500
Kind = LiveIntent.Kind
_MICROSECOND = timedelta(microseconds=1)


def require_live() -> None:
    """Raise NotFound where this installation has no way to a broker."""
    if not settings.LIVE_IS_ON:
        raise NotFound("live trading is not enabled here")


class Orders(SessionView):
    """The person's live orders."""

    needs_budget: ClassVar[frozenset[str]] = frozenset({"POST"})

    def post(self, request: Request) -> HttpResponse:
        """Accept an order. Raises GuardRefused, StepUpRequired, ValueInvalid."""
        require_live()
        body = read_body(request, order_decoder)
        intent = intents.accept_intent(
            session=self.session,
            kind=Kind.SUBMIT,
            terms=terms_of(body),
            is_repeat=body.is_repeat,
            is_gate_open=is_gate_open,
        )
        _send_soon(intent.pk)
        return json_response(intent_body(intent), ACCEPTED)

    def get(self, request: Request) -> HttpResponse:
        """List orders and replacements, newest first unless asked otherwise."""
        mine = LiveIntent.objects.owned_by(self.session)
        return json_response([intent_body(intent) for intent in _listed(mine, request.GET)])


class OneOrder(SessionView):
    """One of them, by its id, which is the broker's client_order_id as well."""

    needs_budget: ClassVar[frozenset[str]] = frozenset({"PATCH"})

    def get(self, _request: Request, intent_id: UUID) -> HttpResponse:
        """Read it, with what became of it step by step. Raises NotFound."""
        body = intent_body(intents.intent(session=self.session, intent_id=intent_id))
        return json_response(
            {**body, "events": _events(intents.events(session=self.session, intent_id=intent_id))}
        )

    def patch(self, request: Request, intent_id: UUID) -> HttpResponse:
        """Accept a replacement. Raises GuardRefused, StepUpRequired, NotFound, RuleBroken, ValueInvalid."""
        require_live()
        body = read_body(request, replace_decoder)
        intent = intents.accept_intent(
            session=self.session,
            kind=Kind.REPLACE,
            terms=changes_of(body),
            target_id=intent_id,
            is_repeat=body.is_repeat,
            is_gate_open=is_gate_open,
        )
        _send_soon(intent.pk)
        return json_response(intent_body(intent), ACCEPTED)

    def delete(self, _request: Request, intent_id: UUID) -> HttpResponse:
        """Accept a cancel. Raises GuardRefused, StepUpRequired, NotFound, RuleBroken."""
        require_live()
        intent = intents.accept_intent(
            session=self.session,
            kind=Kind.CANCEL,
            terms={},
            target_id=intent_id,
            is_gate_open=is_gate_open,
        )
        _send_soon(intent.pk)
        return json_response(intent_body(intent), ACCEPTED)


def intent_body(intent: LiveIntent) -> dict[str, Any]:
    """Return an intent as the wire shows it."""
    return {
        "id": intent.pk,
        "kind": intent.kind,
        "replaces_or_cancels": intent.target_id,
        "status": intent.status,
        "reason": intent.reason or None,
        "words": intent.words or None,
        "terms": intent.terms,
        "digest": bytes(intent.digest).hex(),
        "notional": plain(intent.notional),
        "created_at": instant(intent.created_at),
        "deadline_at": instant(intent.deadline_at),
        "sent_at": instant_or_none(intent.sent_at),
        "finished_at": instant_or_none(intent.finished_at),
        "seen_at": instant_or_none(intent.seen_at),
        "broker_order_id": intent.broker_order_id or None,
        "broker_status": intent.broker_status or None,
        "filled_qty": plain(intent.filled_quantity),
        "filled_avg_price": plain_or_none(intent.filled_average_price),
    }


def _events(events: Iterable[IntentEvent]) -> list[dict[str, Any]]:
    return [
        {
            "at": instant(event.at),
            "status": event.status,
            "detail": event.detail,
            "request_id": event.request_id or None,
        }
        for event in events
    ]


def _send_soon(intent_id: UUID) -> None:
    from broker_handoff.tasks import send_soon  # with Celery, which raxx.wsgi imports where live is on

    send_soon(intent_id)


def _listed(mine: QuerySet[LiveIntent], parameters: Mapping[str, str]) -> QuerySet[LiveIntent]:
    """Return the orders that a query string asks for, with the words of /v2/orders. Raises ValueInvalid."""
    found = mine.exclude(kind=Kind.CANCEL)
    status = query.choice(parameters, "status", ("open", "closed", "all"), "open")
    if status != "all":
        is_over = Q(status__in=sorted(FINAL))
        found = found.filter(is_over if status == "closed" else ~is_over)
    after, until = query.moment(parameters, "after"), query.moment(parameters, "until")
    if after is not None:
        found = found.filter(created_at__gt=to_datetime(after))
    if until is not None:  # rows have whole microseconds
        found = found.filter(
            created_at__lt=to_datetime(until) + (_MICROSECOND if until % 1_000 else timedelta())
        )
    for name, way in (("before_order_id", "lt"), ("after_order_id", "gt")):
        if (beside := query.identifier(parameters, name)) is not None:
            at = mine.filter(pk=beside).values_list("created_at", flat=True).first()
            if at is None:
                raise ValueInvalid(f"{name} {beside} is not an order of yours")
            further = {f"created_at__{way}": at}
            found = found.filter(Q(**further) | Q(created_at=at, **{f"pk__{way}": beside}))
    is_ascending = query.choice(parameters, "direction", ("desc", "asc"), "desc") == "asc"
    ordering = ("created_at", "pk") if is_ascending else ("-created_at", "-pk")
    return found.order_by(*ordering)[: query.whole(parameters, "limit", LIMIT_DEFAULT, LIMIT_MAX)]
