from broker_handoff.models.connection import BrokerConnection, ConnectAttempt, SealedToken
from broker_handoff.models.gate import GateMonth, GateNomination, GateOverride, GateVerdict
from broker_handoff.models.intent import IntentEvent, LiveIntent
from broker_handoff.models.reconciliation import BrokerDifference, PositionBaseline
from broker_handoff.models.shadow import ShadowLink, ShadowOrder
from broker_handoff.models.switch import SwitchClosing

__all__ = [
    "BrokerConnection",
    "BrokerDifference",
    "ConnectAttempt",
    "GateMonth",
    "GateNomination",
    "GateOverride",
    "GateVerdict",
    "IntentEvent",
    "LiveIntent",
    "PositionBaseline",
    "SealedToken",
    "ShadowLink",
    "ShadowOrder",
    "SwitchClosing",
]
