"""/raxx/v1/orders/{id}/explanation: why an order filled as it did, or what it waits for. Not Alpaca's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.api.bodies import json_response
from trading.api.base import ApiView
from trading.explaining.profile import parameters_body
from trading.services.explanations import explain_order

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.services.explanations import Explanation


class OrderExplanation(ApiView):
    """One order's story, for its owner alone."""

    def get(self, _request: Request, order_id: UUID) -> HttpResponse:
        """Read it. Raises NotFound."""
        return json_response(explanation_body(explain_order(principal=self.principal, order_id=order_id)))


def explanation_body(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as we show it."""
    profile, waiting = explanation.profile, explanation.waiting
    return {
        "order_id": explanation.order_id,
        "status": explanation.status,
        "summary": explanation.summary,
        "model": {
            "name": profile.name,
            "version": profile.version,
            "model": profile.model,
            "parameters": parameters_body(profile),
            "engine_version": explanation.engine_version,
        },
        "steps": [
            {
                "event": step.event,
                "at": step.at,
                "rule": step.rule,
                "sentence": step.sentence,
                "evidence": step.evidence,
            }
            for step in explanation.steps
        ],
        "waiting_for": None
        if waiting is None
        else {
            "reason": waiting.reason,
            "rule": waiting.rule,
            "sentence": waiting.sentence,
            "evidence": waiting.evidence,
        },
    }
