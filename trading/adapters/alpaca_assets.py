"""The list of US equities as Alpaca trades them, asked for with the operator's own paper or data key."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import urllib3

from trading.errors import Unavailable

if TYPE_CHECKING:
    from matching.market.alpaca import Credentials

URL = "https://paper-api.alpaca.markets"
PATH = "/v2/assets?status=active&asset_class=us_equity"
TIMEOUT_S = 60.0  # for some ten thousand assets
NAME = "Alpaca"


def assets_at_alpaca(credentials: Credentials, *, url: str = URL) -> list[dict[str, Any]]:
    """Return each asset as the wire tells it. Raises Unavailable, without the key in its words."""
    headers = {"APCA-API-KEY-ID": credentials.key_id, "APCA-API-SECRET-KEY": credentials.secret_key}
    try:
        with urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=TIMEOUT_S)) as pool:
            answer = pool.request("GET", f"{url}{PATH}", headers=headers, redirect=False)
            if answer.status != HTTPStatus.OK:
                raise Unavailable(f"{NAME} answers {answer.status} to {PATH}")
            told = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise Unavailable(f"{NAME} does not tell its assets: {type(error).__name__}") from None
    if not isinstance(told, list):
        raise Unavailable(f"{NAME} answers {PATH} with no list")
    return told
