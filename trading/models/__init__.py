from trading.models.account import TradingAccount
from trading.models.asset import Asset
from trading.models.entry import AccountEntry
from trading.models.event import OrderEvent
from trading.models.fill import Fill
from trading.models.first_steps import FirstSteps
from trading.models.grant import AccountGrant, GrantPermission
from trading.models.ledger import Journal, LedgerAccount, Posting
from trading.models.opening import OpeningLot
from trading.models.order import Order
from trading.models.position import Position
from trading.models.profile import SimulationProfile
from trading.models.reset import AccountReset
from trading.models.scheduled_run import ScheduledRun
from trading.models.snapshot import EquitySnapshot
from trading.models.staff_act import StaffAct
from trading.models.watchlist import Watchlist
from trading.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "AccountEntry",
    "AccountGrant",
    "AccountReset",
    "Asset",
    "EquitySnapshot",
    "Fill",
    "FirstSteps",
    "GrantPermission",
    "Journal",
    "LedgerAccount",
    "OpeningLot",
    "Order",
    "OrderEvent",
    "Position",
    "Posting",
    "ScheduledRun",
    "SimulationProfile",
    "StaffAct",
    "TradingAccount",
    "Watchlist",
    "WebhookDelivery",
    "WebhookEndpoint",
]
