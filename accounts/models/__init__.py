from accounts.models.api_key import ApiKey
from accounts.models.user import Tier, User

__all__ = ["ApiKey", "Tier", "User"]
