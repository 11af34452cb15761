"""What every page of the admin is made of: it reads, as the support role, what its person was granted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote, unquote
from django.contrib.admin.views.main import ChangeList
from django.db import DataError
from django.http import HttpResponseRedirect
from django.urls import reverse

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    Judge = Callable[..., HttpResponse | None]
    View = Callable[..., HttpResponse]

SUPPORT = "support"  # the database alias whose role sees granted accounts and nothing else


def judged_by(judge: Judge) -> Callable[[View], View]:
    """Have a form that was sent to a view judged before anybody is asked to show a passkey for it.

    `judge` is called as the view is, and keeps nothing of what it does. It returns the page that says what is wrong,
    None for a form that may be in order: then the passkey is asked for, and the view judges once more.
    """

    def marked(view: View) -> View:
        view.judge = judge  # type: ignore[attr-defined] # which the site looks for
        return view

    return marked


# What the filters beside a list ask, by the field that each is of.
_ASKED_BY_FILTERS = ("", "__exact", "__isnull", "__isempty")


class _CannotBe(Exception):
    """What a list was asked for, by hand, is nothing that any row could be."""


class _Rows(ChangeList):
    """Counts its rows where the site still listens: the database has the last word on what a column takes."""

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows. Raises IncorrectLookupParameters for a value that no row could have."""
        try:
            super().get_results(request)
        except (ValueError, DataError) as error:
            raise IncorrectLookupParameters(error) from error


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

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002 - Django's
        """Return what finds a list's rows."""
        return _Rows

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list that was asked for."""
        try:
            return super().get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise _CannotBe from error  # for us: Django would say that the database is ill

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list; all of it, and say so, where no row could be what was asked for."""
        try:
            return super().changelist_view(request, extra_context)
        except _CannotBe:
            words = "What you asked this list for cannot be: here is all of it."
            self.message_user(request, words, messages.WARNING)
            return HttpResponseRedirect(request.path)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Lead to the row itself, which says whether it may be looked at: Django's log of changes knows none of ours."""
        row = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        if row is None:
            return super().history_view(request, object_id, extra_context)
        page = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(reverse(page, args=[quote(row.pk)]))

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:  # noqa: ARG002 - Django's
        """Take what the filters beside the list ask, and nothing else that somebody wrote into the address.

        Django takes any lookup of the table's own columns: by halves one would tell what is in an account, though
        a list is no look at it; and an expression that costs a minute would reach the database.
        """
        offered = (one[0] if isinstance(one, list | tuple) else one for one in self.list_filter)
        return lookup in {f"{field}{asked}" for field in offered for asked in _ASKED_BY_FILTERS}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search; for what no text can have in it nothing is found."""
        if "\0" in search_term:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

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
