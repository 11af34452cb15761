"""Who of the staff was granted what, and for superusers all accounts that exist: from here they let somebody in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import OuterRef, Subquery
from django.http import HttpResponseRedirect
from django.urls import path, reverse

from accounts.admin import SUPPORT, SupportAdmin, judged_by
from accounts.errors import NotFound, RuleBroken
from matching.market.titles import title
from matching.models import Market
from trading.admin.forms import GrantForm
from trading.admin.pages import form_page, is_wrong, staff_of
from trading.models import AccountEntry, AccountGrant, GrantPermission
from trading.services.grants import colleague_named, end_one_grant, give_grant, is_granted

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from trading.services.grants import Given


@admin.register(AccountGrant)
class AccountGrantAdmin(SupportAdmin):
    """The grants of who looks; for a superuser everybody's, those that are over as well."""

    list_display = ("account", "what", "staff", "reason", "granted_at", "expires_at", "ended_at")
    search_fields = ("reason", "ticket")
    ordering = ("-granted_at", "pk")
    fields = (
        "account", "staff", "what", "reason", "ticket", "granted_by_id", "granted_at", "expires_at", "ended_at",
        "ended_by_id",
    )  # fmt: skip
    readonly_fields = ("account", "staff", "what", "granted_by_id", "ended_by_id")
    change_form_template = "trading/admin/one_grant.html"

    @admin.display(description="account", ordering="content_object_id")
    def account(self, grant: AccountGrant) -> UUID:
        """Return which account it is for: by its id, for who looks may see no more of it."""
        found: UUID = grant.content_object_id
        return found

    @admin.display(description="member of the staff", ordering="user_id")
    def staff(self, grant: AccountGrant) -> UUID:
        """Return who holds it, the same way."""
        return grant.user_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountGrant]:  # noqa: ARG002 - Django's signature
        """Return them by themselves: of accounts and people some may not be seen."""
        return AccountGrant.ever.using(SUPPORT).select_related("permission").order_by(*self.ordering)

    def get_urls(self) -> list[URLPattern]:
        """Add the way by which a grant is given back, or taken."""
        end = self.admin_site.admin_view(self.end_view)
        return [path("<uuid:grant_id>/end/", end, name="trading_accountgrant_end"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one, with the way to end it while it stands."""
        return super().change_view(request, object_id, form_url, self._context(extra_context))

    def end_view(self, request: HttpRequest, grant_id: UUID) -> HttpResponse:
        """End a grant at once, on a post; else show it."""
        grant = self.get_object(request, str(grant_id))
        if grant is None or request.method != "POST":
            return self.change_view(request, str(grant_id))
        if end_one_grant(grant_id=grant_id, by=staff_of(request), using=SUPPORT):
            self.message_user(request, "Ended, and written down.", messages.SUCCESS)
        else:
            self.message_user(request, "It was over already.", messages.WARNING)
        return HttpResponseRedirect(reverse("admin:trading_accountgrant_changelist"))

    def _context(self, extra_context: Any) -> dict[str, Any]:
        return {"csrf_cookie": settings.CSRF_COOKIE_NAME, **(extra_context or {})}


@admin.register(AccountEntry)
class AccountEntryAdmin(SupportAdmin):
    """That an account exists, for superusers; from here they grant it, to themselves or to one of the staff."""

    list_display = ("number", "email", "tier", "status", "of_market", "created_at")
    list_filter = ("status",)
    search_fields = ("number", "email")
    ordering = ("-created_at", "pk")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Let superusers in; the view would show nothing to anybody else."""
        return bool(request.user.is_superuser)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return them, each with what its market is: of its market an entry has the name."""
        market = Market.objects.filter(name=OuterRef("market"))
        return (
            super()
            .get_queryset(request)
            .annotate(feed=Subquery(market.values("feed")), config=Subquery(market.values("config")))
        )

    @admin.display(description="market", ordering="market")
    def of_market(self, entry: Any) -> str:
        """Return what its market is called."""
        return title(name=entry.market, feed=entry.feed, config=entry.config)

    def get_urls(self) -> list[URLPattern]:
        """Add the form by which a superuser lets themselves in."""
        form = self.admin_site.admin_view(self.grant_view)
        return [
            path("<uuid:account_id>/grant/", form, name="trading_accountentry_grant"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Lead on to the account where it was granted, else to the form that asks for the reason."""
        entry = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if entry is None:
            return super().change_view(request, object_id, form_url, extra_context)
        staff, to_view = staff_of(request), GrantPermission.VIEW
        if is_granted(staff=staff, account_id=entry.pk, permission=to_view, using=SUPPORT):
            return HttpResponseRedirect(reverse("admin:trading_tradingaccount_change", args=[entry.pk]))
        return HttpResponseRedirect(reverse("admin:trading_accountentry_grant", args=[entry.pk]))

    def judge_grant(self, request: HttpRequest, account_id: UUID) -> HttpResponse | None:
        """Return the page of what cannot be granted."""
        entry = self._entry(request, account_id)
        form = GrantForm(request.POST or None)
        if entry is None or not is_wrong(form, lambda: self._granted(request, entry, form, is_trial=True)):
            return None
        return self._form(request, entry, form)

    @judged_by(judge_grant)
    def grant_view(self, request: HttpRequest, account_id: UUID) -> HttpResponse:
        """Show the form, or grant what it asks for and show the account, or the grant of another one."""
        entry = self._entry(request, account_id)
        if entry is None:
            return super().change_view(request, str(account_id))
        form = GrantForm(request.POST or None)
        if form.is_valid():
            try:
                given = self._granted(request, entry, form)
            except (NotFound, RuleBroken) as error:
                form.add_error(None, str(error))
            else:
                self.message_user(request, "Granted, and written down.", messages.SUCCESS)
                newest = given.grants[-1]
                if newest.user_id == staff_of(request).pk:
                    return HttpResponseRedirect(
                        reverse("admin:trading_tradingaccount_change", args=[entry.pk])
                    )
                return HttpResponseRedirect(reverse("admin:trading_accountgrant_change", args=[newest.pk]))
        return self._form(request, entry, form)

    def _entry(self, request: HttpRequest, account_id: UUID) -> AccountEntry | None:
        return self.get_object(request, str(account_id)) if self.has_view_permission(request) else None

    def _granted(
        self, request: HttpRequest, entry: AccountEntry, form: GrantForm, *, is_trial: bool = False
    ) -> Given:
        """Grant what a form in order asks for; a trial keeps nothing. Raises NotFound, RuleBroken."""
        staff, asked = staff_of(request), form.cleaned_data["staff"]
        return give_grant(
            staff=colleague_named(asked, using=SUPPORT) if asked else staff,
            account_id=entry.pk,
            owner_id=entry.owner_id,
            granted_by=staff,
            using=SUPPORT,
            is_trial=is_trial,
            **form.terms,
        )

    def _form(self, request: HttpRequest, entry: AccountEntry, form: GrantForm) -> HttpResponse:
        return form_page(
            self,
            request,
            "trading/admin/grant.html",
            form,
            title=f"Open account {entry.number}",
            entry=entry,
        )
