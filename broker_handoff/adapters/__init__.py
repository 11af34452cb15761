"""The adapters that the settings name, built where somebody needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from accounts.errors import RuleBroken

if TYPE_CHECKING:
    from broker_handoff.ports import Broker, BrokerBuilder, Consent
    from broker_handoff.vault import KeyService

CALLBACK = "/live/callback"


def key_service() -> KeyService:
    """Return who wraps the keys of tokens (RAXX_KMS)."""
    if settings.KMS == "aws":
        from broker_handoff.adapters.aws_keys import AwsKeys

        return AwsKeys(settings.KMS_KEY)
    from broker_handoff.adapters.local_keys import LocalKeys

    return LocalKeys(settings.DATA_FOLDER.root / "secrets" / "kms_keys")


def consent() -> Consent:
    """Return the broker's OAuth (RAXX_BROKER_*)."""
    from broker_handoff.adapters.oauth import OAuthConsent

    return OAuthConsent(
        authorize_endpoint=settings.BROKER_AUTHORIZE_URL,
        token_endpoint=settings.BROKER_TOKEN_URL,
        revoke_endpoint=settings.BROKER_REVOKE_URL,
        client_id=settings.BROKER_CLIENT_ID,
        client_secret=settings.BROKER_CLIENT_SECRET,
        redirect_uri=f"{settings.ORIGINS[0]}{CALLBACK}",
    )


def builder() -> BrokerBuilder:
    """Return what makes a client for one request from a token that was just opened (RAXX_BROKER_API_URL)."""
    url = settings.BROKER_API_URL

    def build(token: str) -> Broker:
        from broker_handoff.adapters.alpaca import AlpacaBroker

        return AlpacaBroker(token=token, url=url)

    return build


def shadow() -> Broker:
    """Return the operator's own paper account (RAXX_SHADOW_*), for one pass. Raises RuleBroken where none is set."""
    from broker_handoff.adapters.alpaca import AlpacaBroker

    if not (settings.SHADOW_KEY_ID and settings.SHADOW_SECRET):
        raise RuleBroken("RAXX_SHADOW_KEY_ID and RAXX_SHADOW_SECRET are not set", error="shadow_not_set")
    return AlpacaBroker(
        token=settings.SHADOW_SECRET,
        url=settings.SHADOW_URL,
        key_id=settings.SHADOW_KEY_ID,
        # Shorter than with people's orders: nobody waits for it, and the worker has other things to do.
        connect_s=2.0,
        read_s=5.0,
    )
