"""What every page of the admin is made of: it reads, as the support role, what its person was granted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

SUPPORT = "support"  # the database alias whose role sees granted accounts and nothing else


class SupportAdmin(admin.ModelAdmin):
    """Lists and shows rows of the support database; whatever changes something calls a service.

    Who sees which row is not decided here: the policies of the database do, for lists, searches, counts
    and autocompletion alike. So each query must begin in `get_queryset`.
    """

    actions = None
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that the support role shows to who is bound."""
        return super().get_queryset(request).using(SUPPORT)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Let in whom the site lets in: of the rows they see theirs."""
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the section to whoever may view something in it."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:  # noqa: ARG002
        """Refuse: nothing is made by a form over a table."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Refuse, as above."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Refuse, as above."""
        return False
