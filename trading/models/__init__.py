from trading.models.account import TradingAccount
from trading.models.asset import Asset
from trading.models.event import OrderEvent
from trading.models.fill import Fill
from trading.models.ledger import Journal, LedgerAccount, Posting
from trading.models.order import Order
from trading.models.position import Position
from trading.models.profile import SimulationProfile
from trading.models.reset import AccountReset
from trading.models.snapshot import EquitySnapshot
from trading.models.watchlist import Watchlist
from trading.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "AccountReset",
    "Asset",
    "EquitySnapshot",
    "Fill",
    "Journal",
    "LedgerAccount",
    "Order",
    "OrderEvent",
    "Position",
    "Posting",
    "SimulationProfile",
    "TradingAccount",
    "Watchlist",
    "WebhookDelivery",
    "WebhookEndpoint",
]
