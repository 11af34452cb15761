"""What the case page shows of the way to live, and what the staff may have done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker_handoff.admin.forms import CutForm
from broker_handoff.models import BrokerConnection, LiveIntent, SwitchClosing
from trading.admin.case import Case, Row, Section, show, text
from trading.admin.offers import Offer, offer

if TYPE_CHECKING:
    from collections.abc import Sequence

# What the support role may read of an intent.
_INTENT = (
    "created_at", "kind", "status", "reason", "words", "notional", "broker_status", "filled_quantity",
    "filled_average_price", "pk",
)  # fmt: skip


def _connections(case: Case, first: int, most: int) -> Sequence[Row]:
    found = BrokerConnection.objects.owned_by(case.principal).order_by("-connected_at", "pk")
    return [
        Row(
            cells=(
                str(one.pk),
                f"{one.broker} {one.broker_account}",
                one.status,
                text(one.connected_at),
                text(one.consent_expires_at),
                one.disconnect_reason,
                one.revoked_at_broker,
            )
        )
        for one in found[first : first + most]
    ]


def _intents(case: Case, first: int, most: int) -> Sequence[Row]:
    found = LiveIntent.objects.owned_by(case.principal).order_by("-created_at", "pk").values_list(*_INTENT)
    return [Row(cells=tuple(text(cell) for cell in row)) for row in found[first : first + most]]


def _closings(case: Case, first: int, most: int) -> Sequence[Row]:
    found = SwitchClosing.objects.owned_by(case.principal).order_by("-closed_at", "pk")
    return [
        Row(
            cells=(
                one.scope,
                "the person" if one.is_own else "the staff",
                one.reason,
                text(one.closed_at),
                text(one.opened_at),
            )
        )
        for one in found[first : first + most]
    ]


show(
    Section(
        name="connections",
        title="Live connections",
        headings=("Id", "Broker", "Status", "Since", "Consent until", "Ended for", "At the broker"),
        read=_connections,
        is_of_person=True,
    ),
    Section(
        name="intents",
        title="Live intents",
        headings=(
            "At",
            "Kind",
            "Status",
            "Reason",
            "The broker's words",
            "Notional",
            "There",
            "Filled",
            "At price",
            "Id",
        ),
        read=_intents,
        is_of_person=True,
    ),
    Section(
        name="closings",
        title="Kill switch",
        headings=("What", "By", "Reason", "Closed", "Opened"),
        read=_closings,
        is_of_person=True,
    ),
)
offer(
    Offer(
        kind="disconnect_live",
        title="Disconnect live",
        words="Nothing more is sent to the person's broker; a worker has the token taken back there and shreds it.",
        reaches_person=True,
    ),
    Offer(
        kind="cut_everybody",
        title="Disconnect everybody from live",
        words=(
            "Every live connection is over at once; then the broker is asked for one after the other, again and again"
            " for an hour. What came of it is counted on the page of this act."
        ),
        form=CutForm,
        is_global=True,
    ),
)
