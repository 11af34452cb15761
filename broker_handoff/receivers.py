"""What this app does when others tell of people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.dispatch import receiver
from django.utils import timezone

from accounts.signals import person_erasure_asked

if TYPE_CHECKING:
    from uuid import UUID


@receiver(person_erasure_asked, dispatch_uid="broker_handoff.end_for_erasure")
def _end_for_erasure(*, user_id: UUID, **_: Any) -> None:
    from broker_handoff.services.disconnecting import end_for_erasure  # with the vault: not for all who start

    end_for_erasure(user_id=user_id, now=timezone.now())
