"""When scheduled work ran, for superusers: it is about the installation, and nobody's account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from accounts.admin import SupportAdmin
from trading.models import ScheduledRun

if TYPE_CHECKING:
    from django.http import HttpRequest


@admin.register(ScheduledRun)
class ScheduledRunAdmin(SupportAdmin):
    """Every run of the last thirty days; of the most frequent jobs the last one."""

    list_display = ("job", "started_at", "duration_ms", "outcome", "counts", "error")
    list_filter = ("outcome", "job")
    search_fields = ("job",)
    ordering = ("-started_at", "-pk")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Let in superusers alone: an error's words may be about anybody."""
        return bool(request.user.is_superuser)
