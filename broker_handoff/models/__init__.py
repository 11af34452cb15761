from broker_handoff.models.connection import BrokerConnection, ConnectAttempt, SealedToken
from broker_handoff.models.gate import GateMonth, GateNomination, GateOverride, GateVerdict
from broker_handoff.models.intent import IntentEvent, LiveIntent
from broker_handoff.models.switch import SwitchClosing

__all__ = [
    "BrokerConnection",
    "ConnectAttempt",
    "GateMonth",
    "GateNomination",
    "GateOverride",
    "GateVerdict",
    "IntentEvent",
    "LiveIntent",
    "SealedToken",
    "SwitchClosing",
]
