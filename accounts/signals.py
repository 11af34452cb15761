"""What other apps may wish to hear of people and their credentials."""

from __future__ import annotations

from django.dispatch import Signal

# Sent after the commit that ended a key, a session, a passkey or a person's access. Whoever keeps
# something open for a credential looks again whether it still lives.
credentials_changed = Signal()

# Sent within the transaction that changes a person's tier, with `user_id` and `tier`: whoever keeps what
# tiers allow takes part in it.
tier_changed = Signal()

# Sent within the transaction in which a person asks to be erased, with `user_id`: whoever keeps what must
# not wait for the thirty days does away with it at once.
person_erasure_asked = Signal()

# Somebody is staff no more (user_id), within the transaction in which that is written: whoever let them in ends it.
staff_dismissed = Signal()
