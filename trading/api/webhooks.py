"""/raxx/v1/webhooks: signed messages about the account's orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from django.http import HttpResponse

from accounts.api.bodies import json_response, read_body
from trading.api import query
from trading.api.base import ApiView
from trading.errors import ValueInvalid
from trading.services import webhooks
from trading.wire import instant, instant_or_none

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from trading.models import WebhookDelivery, WebhookEndpoint

CREATED, ACCEPTED, NO_CONTENT = 201, 202, 204
DELIVERIES_DEFAULT, DELIVERIES_MAX = 50, 200
ID_MAX = 2**63 - 1


class NewEndpoint(msgspec.Struct):
    """POST of an endpoint."""

    url: str | None = None
    description: str = ""


class Changes(msgspec.Struct):
    """PATCH of an endpoint; what is absent stays."""

    url: str | None = None
    description: str | None = None
    enabled: bool | None = None


class Replay(msgspec.Struct):
    """POST of a replay."""

    from_sequence: int


_new_decoder = msgspec.json.Decoder(NewEndpoint)
_changes_decoder = msgspec.json.Decoder(Changes)
_replay_decoder = msgspec.json.Decoder(Replay)


class Webhooks(ApiView):
    """The account's endpoints."""

    def get(self, _request: Request) -> HttpResponse:
        """List them, oldest first."""
        return json_response([_body(row) for row in webhooks.endpoints(principal=self.principal)])

    def post(self, request: Request) -> HttpResponse:
        """Make one; its secret is in this answer and in no other."""
        body = read_body(request, _new_decoder)
        if not body.url:
            raise ValueInvalid("url is required")
        made, secret = webhooks.create_endpoint(
            principal=self.principal, url=body.url, description=body.description
        )
        return json_response({**_body(made), "secret": secret}, CREATED)


class OneWebhook(ApiView):
    """One endpoint."""

    def get(self, _request: Request, endpoint_id: UUID) -> HttpResponse:
        """Read it. Raises NotFound."""
        return json_response(_body(webhooks.endpoint(principal=self.principal, endpoint_id=endpoint_id)))

    def patch(self, request: Request, endpoint_id: UUID) -> HttpResponse:
        """Change its address or description, disable it, or enable it again."""
        body = read_body(request, _changes_decoder)
        changed = webhooks.change_endpoint(
            principal=self.principal,
            endpoint_id=endpoint_id,
            url=body.url,
            description=body.description,
            is_enabled=body.enabled,
        )
        return json_response(_body(changed))

    def delete(self, _request: Request, endpoint_id: UUID) -> HttpResponse:
        """Send nothing more."""
        webhooks.delete_endpoint(principal=self.principal, endpoint_id=endpoint_id)
        return HttpResponse(status=NO_CONTENT)


class WebhookSecret(ApiView):
    """An endpoint's secret."""

    def post(self, _request: Request, endpoint_id: UUID) -> HttpResponse:
        """Make another; it is in this answer and in no other, and signs from the next message on."""
        changed, secret = webhooks.rotate_secret(principal=self.principal, endpoint_id=endpoint_id)
        return json_response({**_body(changed), "secret": secret})


class WebhookTest(ApiView):
    """A test message."""

    def post(self, _request: Request, endpoint_id: UUID) -> HttpResponse:
        """Send one soon; its attempt appears among the deliveries."""
        asked = webhooks.ask_for_ping(principal=self.principal, endpoint_id=endpoint_id)
        return json_response(_body(asked), ACCEPTED)


class WebhookReplay(ApiView):
    """An endpoint's messages once more."""

    def post(self, request: Request, endpoint_id: UUID) -> HttpResponse:
        """Send them again, from one event on. Raises NotFound, ValueInvalid, RuleBroken."""
        body = read_body(request, _replay_decoder)
        moved, count = webhooks.replay_own(
            principal=self.principal, endpoint_id=endpoint_id, from_seq=body.from_sequence
        )
        return json_response({**_body(moved), "replays": count}, ACCEPTED)


class WebhookDeliveries(ApiView):
    """What became of an endpoint's messages."""

    def get(self, request: Request, endpoint_id: UUID) -> HttpResponse:
        """List the attempts, newest first; `before` continues a list with the id of its last one."""
        rows = webhooks.deliveries(
            principal=self.principal,
            endpoint_id=endpoint_id,
            limit=query.whole(request.GET, "limit", DELIVERIES_DEFAULT, DELIVERIES_MAX),
            before=query.whole(request.GET, "before", ID_MAX, ID_MAX) if request.GET.get("before") else None,
        )
        return json_response([_delivery_body(row) for row in rows])


def _body(row: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": row.pk,
        "url": row.url,
        "description": row.description,
        "enabled": row.disabled_at is None,
        "disabled_at": instant_or_none(row.disabled_at),
        "disabled_reason": row.disabled_reason,
        "last_sequence": row.cursor,
        "failures": row.failures,
        "next_attempt_at": instant(row.next_attempt_at) if row.failures else None,
        "created_at": instant(row.created_at),
    }


def _delivery_body(row: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": row.pk,
        "sequence": row.seq,
        "attempt": row.attempt,
        "at": instant(row.at),
        "duration_ms": row.duration_ms,
        "status_code": row.status_code,
        "delivered": not row.error,
        "error": row.error or None,
    }
