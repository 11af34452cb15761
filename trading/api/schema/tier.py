"""/raxx/v1/tier: what the caller's tier allows. Not Alpaca's."""

from __future__ import annotations

from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    BOOLEAN,
    INSTANT,
    INTEGER,
    OK,
    STRING,
    UUID,
    Answer,
    Schema,
    array,
    described,
    nullable,
    one_of,
    record,
    ref,
)

TAG = "Your tier"
_TIER = one_of("free", "pro", "pro_plus")

SCHEMAS: dict[str, Schema] = {
    "TierAllowance": record(
        "What a tier allows; null is no limit.",
        {
            "requests_per_minute": described(INTEGER, "Over all keys and sessions of a person."),
            "accounts": described(INTEGER, "Open ones."),
            "webhooks": described(INTEGER, "Of one account."),
            "streams": described(INTEGER, "For the order events of one account, open at once."),
            "replay_markets": described(BOOLEAN, "Accounts in a replay of one's own."),
            "history_days": described(nullable(INTEGER), "Of orders, fills and events."),
            "live_trading": described(
                BOOLEAN, "A way to a live broker of your own, once you have earned it."
            ),
            "data_delay_seconds": INTEGER,
            "data_archive": described(BOOLEAN, "Market data older than a month."),
            "data_stream_symbols": described(nullable(INTEGER), "Of one data stream."),
        },
    ),
    "TierPending": record(
        "A downgrade that waits. Until its day nothing changes.",
        {
            "tier": _TIER,
            "asked_at": INSTANT,
            "applies_at": INSTANT,
            "allows": ref("TierAllowance"),
            "loses": record(
                "What you would lose, as things stand now.",
                {
                    "accounts": described(
                        array(record("An account.", {"id": UUID, "account_number": STRING})),
                        "They would take no order that opens a position.",
                    ),
                    "webhooks": described(
                        array(record("An endpoint.", {"id": UUID, "account_id": UUID, "url": STRING})),
                        "They would be disabled.",
                    ),
                    "history_before": described(
                        nullable(INSTANT), "Orders, fills and events recorded before would be deleted."
                    ),
                },
            ),
        },
    ),
    "Tier": record(
        "Your tier.",
        {"tier": _TIER, "allows": ref("TierAllowance"), "pending": nullable(ref("TierPending"))},
    ),
}

OPERATIONS = {
    ("GET", "/raxx/v1/tier"): Operation(
        name="getTier",
        tag=TAG,
        summary="Read what your tier allows, and what a downgrade would take away",
        answers={OK: Answer(description="Your tier.", schema=ref("Tier"))},
    ),
}
