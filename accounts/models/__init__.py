from accounts.models.api_key import ApiKey
from accounts.models.ceremony import Ceremony, SpentLink
from accounts.models.recovery import RecoveryCodes
from accounts.models.session import Assertion, Session
from accounts.models.user import Tier, User

__all__ = ["ApiKey", "Assertion", "Ceremony", "RecoveryCodes", "Session", "SpentLink", "Tier", "User"]
