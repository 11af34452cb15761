"""The pages of the support staff: the accounts that were granted, the grants, and for superusers all that exist.

An account that was not granted answers as one that does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from accounts.admin import SUPPORT, SupportAdmin
from accounts.models import User
from trading.admin_forms import GrantForm
from trading.errors import RuleBroken
from trading.models import (
    AccountEntry,
    AccountGrant,
    Fill,
    GrantPermission,
    Order,
    OrderEvent,
    Position,
    TradingAccount,
    configuration,
)
from trading.services.grants import give_grant, is_granted, record_look

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

SHOWN = 50  # rows of each table on an account's page, the newest


@admin.register(TradingAccount)
class TradingAccountAdmin(SupportAdmin):
    """The accounts granted to who looks."""

    # Nothing of what is in an account: a list is no look at it, and is not written down.
    list_display = ("number", "user", "market", "status", "created_at")
    list_filter = ("status",)
    list_select_related = ("user", "market")
    search_fields = ("number", "name", "user__email")
    ordering = ("-created_at", "pk")
    fields = (
        "number", "user", "name", "status", "market", "profile", "multiplier", "currency", "cash", "cash_held",
        "generation", "event_seq", "created_at", "reset_at", *configuration.FIELDS,
    )  # fmt: skip
    change_form_template = "trading/admin/account.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show an account, after writing down that it was looked at."""
        account = self.get_object(request, object_id)
        if account is None:
            entry = entry_of(object_id)
            if entry is not None:
                return HttpResponseRedirect(reverse("admin:trading_accountentry_change", args=[entry.pk]))
            return super().change_view(request, object_id, form_url, extra_context)
        record_look(account=account, page="admin.account", using=SUPPORT)
        shown = {**tables_of(account), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, shown)


@admin.register(AccountGrant)
class AccountGrantAdmin(SupportAdmin):
    """The grants of who looks; for a superuser everybody's, those that are over as well."""

    list_display = ("content_object_id", "what", "user_id", "reason", "granted_at", "expires_at", "ended_at")
    search_fields = ("reason", "ticket")
    ordering = ("-granted_at", "pk")
    fields = (
        "content_object_id", "user_id", "what", "reason", "ticket", "granted_by_id", "granted_at", "expires_at",
        "ended_at", "ended_by_id",
    )  # fmt: skip
    readonly_fields = ("content_object_id", "user_id", "what", "granted_by_id", "ended_by_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountGrant]:  # noqa: ARG002 - Django's signature
        """Return them by themselves: of accounts and people some may not be seen."""
        return AccountGrant.ever.using(SUPPORT).select_related("permission").order_by(*self.ordering)


@admin.register(AccountEntry)
class AccountEntryAdmin(SupportAdmin):
    """That an account exists, for superusers; from here they grant it to themselves, with a reason."""

    list_display = ("number", "email", "tier", "status", "market", "created_at")
    list_filter = ("status",)
    search_fields = ("number", "email")
    ordering = ("-created_at", "pk")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Let superusers in; the view would show nothing to anybody else."""
        return bool(request.user.is_superuser)

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

    def grant_view(self, request: HttpRequest, account_id: UUID) -> HttpResponse:
        """Show the form, or grant what it asks for and show the account."""
        entry = self.get_object(request, str(account_id)) if self.has_view_permission(request) else None
        if entry is None:
            return super().change_view(request, str(account_id))
        form, staff = GrantForm(request.POST or None), staff_of(request)
        if form.is_valid():
            try:
                give_grant(
                    staff=staff,
                    account_id=entry.pk,
                    owner_id=entry.owner_id,
                    now=timezone.now(),
                    granted_by=staff,
                    using=SUPPORT,
                    **form.terms,
                )
            except RuleBroken as error:
                form.add_error(None, str(error))
            else:
                self.message_user(request, "Granted, and written down.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:trading_tradingaccount_change", args=[entry.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Open account {entry.number}",
            "entry": entry,
            "form": form,
            "csrf_cookie": settings.CSRF_COOKIE_NAME,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "trading/admin/grant.html", context, status=status)


def staff_of(request: HttpRequest) -> User:
    """Return who looks: the site has asked whether it is staff."""
    assert isinstance(request.user, User)
    return request.user


def entry_of(account_id: str) -> AccountEntry | None:
    """Return that an account exists, if who is bound may know; None for what is no id as well."""
    try:
        key = UUID(account_id)
    except ValueError:
        return None
    return AccountEntry.objects.using(SUPPORT).filter(pk=key).first()


def tables_of(account: TradingAccount) -> dict[str, list[Any]]:
    """Return what an account's page shows beside it, by name: of each the newest."""
    of_account = {"account": account}
    return {
        "positions": list(Position.objects.using(SUPPORT).filter(**of_account).order_by("symbol")[:SHOWN]),
        "orders": list(
            Order.objects.using(SUPPORT).filter(**of_account).order_by("-submitted_at", "pk")[:SHOWN]
        ),
        "fills": list(Fill.objects.using(SUPPORT).filter(**of_account).order_by("-at", "pk")[:SHOWN]),
        "events": list(OrderEvent.objects.using(SUPPORT).filter(**of_account).order_by("-seq")[:SHOWN]),
    }
