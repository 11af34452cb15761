from broker_handoff.models.connection import BrokerConnection, SealedToken
from broker_handoff.models.intent import IntentEvent, LiveIntent

__all__ = ["BrokerConnection", "IntentEvent", "LiveIntent", "SealedToken"]
