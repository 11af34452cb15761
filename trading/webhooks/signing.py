"""The signature on a webhook: what a receiver checks to know that we sent it, and when.

`Raxx-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`. The secret is derived from the
installation's secret key, so that none is stored; rotating one raises its version.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from django.utils.crypto import salted_hmac

if TYPE_CHECKING:
    from uuid import UUID

PREFIX = "whsec_"


def secret_of(endpoint_id: UUID, version: int) -> str:
    """Return the secret that an endpoint's receiver knows: `whsec_` and 43 letters."""
    derived = salted_hmac("trading.webhooks", f"{endpoint_id}/{version}", algorithm="sha256").digest()
    return PREFIX + base64.urlsafe_b64encode(derived).rstrip(b"=").decode()


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the header's value for a body sent at `at`, unix seconds."""
    signed = hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"
