"""Staff: the books, to read."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from shop.base.backoffice import ReadOnly
from shop.base.money import format_yuan
from shop.ledger.models import Account, DailyDigest, Journal, Transfer
from shop.ledger.queries import balance_fen


class TransferInline(ReadOnly, TabularInline):
    model = Transfer
    fields = ("debit", "credit", "yuan")
    readonly_fields = fields
    extra = 0

    @admin.display(description=_("Amount"))
    def yuan(self, row: Transfer) -> str:
        return f"¥{format_yuan(row.amount_fen)}"


@admin.register(Journal)
class JournalAdmin(ReadOnly, ModelAdmin):
    list_display = ("key", "kind", "reference", "happened_at", "posted_at")
    list_filter = ("kind",)
    search_fields = ("reference", "key")
    ordering = ("-pk",)
    show_full_result_count = False
    inlines = (TransferInline,)


@admin.register(Account)
class AccountAdmin(ReadOnly, ModelAdmin):
    list_display = ("path", "kind", "guarded")
    list_filter = ("kind", "guarded")
    search_fields = ("path",)
    fields = ("path", "kind", "guarded", "balance")
    readonly_fields = fields
    show_full_result_count = False

    @admin.display(description=_("Balance"))
    def balance(self, row: Account) -> str:
        return f"¥{format_yuan(balance_fen(row.path))}"


@admin.register(DailyDigest)
class DailyDigestAdmin(ReadOnly, ModelAdmin):
    list_display = ("date", "digest")
    ordering = ("-date",)
