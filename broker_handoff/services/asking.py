"""One attempt's talk with the broker, and what is certain after it. Writes nothing.

A refusal is believed when the broker does not have the order all the same: a network that sends a request
twice is told "taken already" for its own first copy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from broker_handoff.models import LiveIntent
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown, TokenRefused
from broker_handoff.services.tokens import TokenGone, opened
from broker_handoff.states import FINAL, IntentStatus
from broker_handoff.vault import KeyServiceAway, VaultRefused

if TYPE_CHECKING:
    from broker_handoff.ports import Broker, BrokerOrder
    from broker_handoff.services.claims import Claim, Ways
    from broker_handoff.vault import Token

_K = LiveIntent.Kind
# The broker's words for an order that somebody is already ending.
ENDING = frozenset({"pending_cancel"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The broker has the order, and says how it stands."""

    order: BrokerOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The broker has taken the cancel; `order` is how the order stands, where it said so."""

    order: BrokerOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The broker said no, and does not have it."""

    words: str
    reason: str = "broker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The broker does not take the token any more."""

    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The vault did not open: nothing was sent. `is_for_good` where the token is no more."""

    reason: str
    words: str
    is_for_good: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Nothing was done, and may be later."""

    words: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody knows."""

    words: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The broker says that it has no such order, or that what should be canceled is as it was."""


Outcome = Told | Taken | Refused | Gone | Blocked | Nothing | Unknown | Missing


def outcome_of(claim: Claim, ways: Ways) -> Outcome:
    """Send an intent, or ask for it, and return what is certain then."""
    intent = claim.intent
    purpose = f"{intent.kind if claim.sends else 'ask'} {intent.pk}"
    try:
        with opened(intent.connection, ways.keys, purpose=purpose) as token:
            broker = ways.build(token.reveal())
            if not claim.sends:
                return _scrubbed(_asked(broker, intent), token)
            if claim.is_too_late:
                return Nothing(words="no time was left to send it")
            return _scrubbed(_sent(broker, intent), token)
    except VaultRefused as error:
        return Blocked(reason="vault", words=str(error), is_for_good=isinstance(error, TokenGone))
    except (KeyServiceAway, BrokerUnavailable) as error:
        return Nothing(words=str(error), retry_after_s=getattr(error, "retry_after_s", None))
    except TokenRefused as error:
        return Gone(words=error.words)
    except BrokerRefused as error:
        # Of a question: then it is not answered.
        return Refused(words=error.words) if claim.sends else Unknown(words=error.words)
    except OutcomeUnknown as error:
        return Unknown(words=str(error))


def _scrubbed(outcome: Outcome, token: Token) -> Outcome:
    """Return an outcome whose words do not repeat the token; those of errors `opened` has scrubbed."""
    if not isinstance(outcome, Refused | Unknown):
        return outcome
    return replace(outcome, words=token.scrubbed_from(outcome.words))


def _sent(broker: Broker, intent: LiveIntent) -> Outcome:
    if intent.kind == _K.CANCEL:
        return _canceled(broker, intent)
    try:
        if intent.kind == _K.SUBMIT:
            return Told(order=broker.submit(intent.pk, intent.terms))
        assert intent.target is not None
        return Told(order=broker.replace(intent.target.broker_order_id, intent.pk, intent.terms))
    except TokenRefused:
        raise
    except BrokerRefused as error:
        found = _looked_up_after(broker, intent)
        return Refused(words=error.words) if found is None else Told(order=found)


def _canceled(broker: Broker, intent: LiveIntent) -> Outcome:
    assert intent.target is not None
    try:
        broker.cancel(intent.target.broker_order_id)
    except TokenRefused:
        raise
    except BrokerRefused as error:
        found = _looked_up_after(broker, intent)
        outcome = None if found is None else _of_target(found)
        return Refused(words=error.words) if outcome is None else outcome
    return Taken()


def _asked(broker: Broker, intent: LiveIntent) -> Outcome:
    found = _looked_up(broker, intent)
    if intent.kind != _K.CANCEL:
        return Missing() if found is None else Told(order=found)
    if found is None:
        return Unknown(words="the broker does not tell of the order that should be canceled")
    return _of_target(found) or Missing()


def _of_target(order: BrokerOrder) -> Outcome | None:
    """Return what an order's state says of a cancel of it; None where it works as if nobody had asked."""
    if order.status is IntentStatus.CANCELED or order.word in ENDING:
        return Taken(order=order)
    if order.status in FINAL:
        return Refused(words=f"the order is {order.word}", reason="not_open")
    return None


def _looked_up_after(broker: Broker, intent: LiveIntent) -> BrokerOrder | None:
    """Ask after a refusal: whatever keeps that from being answered leaves the order unknown. Raises OutcomeUnknown."""
    try:
        return _looked_up(broker, intent)
    except BrokerRefused as error:
        raise OutcomeUnknown(error.words) from None


def _looked_up(broker: Broker, intent: LiveIntent) -> BrokerOrder | None:
    """Ask for the order that an intent is about. Raises OutcomeUnknown where that is not answered."""
    order_id = intent.target_id if intent.kind == _K.CANCEL else intent.pk
    assert order_id is not None
    try:
        return broker.order_of(order_id)
    except BrokerUnavailable as error:
        raise OutcomeUnknown(str(error)) from None
