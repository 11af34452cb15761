from accounts.models.api_key import ApiKey
from accounts.models.audit import AuditDetail, AuditEntry, AuditHead, KnownAnchor
from accounts.models.ceremony import Ceremony, SpentLink
from accounts.models.passkey_reset import PasskeyReset
from accounts.models.privacy import Erasure, Export
from accounts.models.recovery import RecoveryCodes
from accounts.models.session import Assertion, Session
from accounts.models.tier_change import TierChange
from accounts.models.user import Tier, User

__all__ = [
    "ApiKey",
    "Assertion",
    "AuditDetail",
    "AuditEntry",
    "AuditHead",
    "Ceremony",
    "Erasure",
    "Export",
    "KnownAnchor",
    "PasskeyReset",
    "RecoveryCodes",
    "Session",
    "SpentLink",
    "Tier",
    "TierChange",
    "User",
]
