"""What the books store. Rows are written by the database functions of ``0002_guards`` alone."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from shop.ledger.chart import (
    ACCOUNT_RULES,
    PATH_LENGTH_MAX,
    AccountKind,
    JournalKind,
    database_pattern,
)

_NOT_NEGATIVE = (
    Q(guarded=False)
    | Q(kind__in=[AccountKind.ASSET, AccountKind.EXPENSE], debits_fen__gte=F("credits_fen"))
    | Q(kind__in=[AccountKind.LIABILITY, AccountKind.INCOME], credits_fen__gte=F("debits_fen"))
)


def _on_the_chart() -> Q:
    matches = Q()
    for rule in ACCOUNT_RULES:
        matches |= Q(kind=rule.kind.value, guarded=rule.guarded, path__regex=database_pattern(rule.pattern))
    return matches


class Account(models.Model):
    """One place money can be. Guarded accounts keep running sums, may not go below zero."""

    path = models.CharField(_("path"), max_length=PATH_LENGTH_MAX)
    kind = models.CharField(_("kind"), max_length=10, choices=AccountKind)
    guarded = models.BooleanField(_("guarded"))
    # Running sums of a guarded account's transfers; always zero on an unguarded one, which is summed
    # when asked so that no row is locked by every order.
    debits_fen = models.BigIntegerField(_("debits (fen)"), default=0)
    credits_fen = models.BigIntegerField(_("credits (fen)"), default=0)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        db_table_comment = "sealed: written by ledger_post() and the ledger's triggers only"
        constraints = [
            # As a constraint, not unique=True: that would add a second index for LIKE.
            models.UniqueConstraint(fields=["path"], name="ledger_account_path"),
            models.CheckConstraint(condition=_on_the_chart(), name="ledger_account_on_chart"),
            models.CheckConstraint(condition=_NOT_NEGATIVE, name="ledger_account_not_negative"),
            models.CheckConstraint(condition=Q(debits_fen__gte=0, credits_fen__gte=0), name="ledger_account_sums"),
        ]

    def __str__(self) -> str:
        return self.path


class Journal(models.Model):
    """One event that moved money. ``key`` is unique: posting the event twice is posting it once."""

    kind = models.CharField(_("kind"), max_length=32, choices=JournalKind)
    # The public number of the thing: an order, a refund, a withdrawal.
    reference = models.CharField(_("reference"), max_length=64)
    key = models.CharField(_("key"), max_length=160)
    # A hash of what was asked for, to tell the same event again from another one under its key.
    content = models.CharField(_("content"), max_length=32)
    happened_at = models.DateTimeField(_("happened at"))
    # The database's clock, stamped by a trigger whatever an INSERT says.
    posted_at = models.DateTimeField(_("posted at"), editable=False)
    reverses = models.ForeignKey(
        "self",
        verbose_name=_("reverses"),
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
    )

    class Meta:
        verbose_name = _("journal")
        verbose_name_plural = _("journals")
        db_table_comment = "sealed: append-only, written by ledger_post() only"
        constraints = [
            models.UniqueConstraint(fields=["key"], name="ledger_journal_key"),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=Q(reverses__isnull=False),
                name="ledger_journal_reversed_once",
            ),
            models.CheckConstraint(
                condition=Q(kind=JournalKind.REVERSAL, reverses__isnull=False)
                | ~Q(kind=JournalKind.REVERSAL) & Q(reverses__isnull=True),
                name="ledger_journal_reversal_names_its_journal",
            ),
        ]
        indexes = [models.Index(fields=["reference"], name="ledger_journal_reference")]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Transfer(models.Model):
    """One double entry: ``amount_fen`` leaves ``credit`` and enters ``debit``.

    The three keys carry no foreign-key constraint of their own: it would lock the gateway's account
    row once per order. The trigger on INSERT checks them set-wise and the rows can never be deleted.
    """

    journal = models.ForeignKey(Journal, on_delete=models.PROTECT, related_name="transfers", db_constraint=False)
    debit = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("debit"),
    )
    credit = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("credit"),
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    # The journal's, repeated so that one account's day is one range of an index.
    posted_at = models.DateTimeField(_("posted at"), editable=False)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        db_table_comment = "sealed: append-only, written by ledger_post() only"
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="ledger_transfer_amount"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="ledger_transfer_two_accounts"),
        ]
        indexes = [
            models.Index(
                fields=["debit", "posted_at", "id"],
                include=["amount_fen"],
                name="ledger_transfer_debit",
            ),
            models.Index(
                fields=["credit", "posted_at", "id"],
                include=["amount_fen"],
                name="ledger_transfer_credit",
            ),
            BrinIndex(fields=["posted_at"], autosummarize=True, name="ledger_transfer_posted"),
        ]

    def __str__(self) -> str:
        return f"{self.debit_id} ← {self.amount_fen} fen ← {self.credit_id}"


class DailyDigest(models.Model):
    """One closed day: a hash of its transfers and of the day before."""

    date = models.DateField(_("date"))
    # The end of the day: transfers posted before it, and not before the previous row's, belong to it.
    until_at = models.DateTimeField(_("until"))
    previous = models.CharField(_("previous digest"), max_length=64, blank=True)
    digest = models.CharField(_("digest"), max_length=64)
    transfers_count = models.BigIntegerField(_("transfers"))

    class Meta:
        verbose_name = _("daily digest")
        verbose_name_plural = _("daily digests")
        db_table_comment = "sealed: append-only, written by ledger_close_day() only"
        constraints = [models.UniqueConstraint(fields=["date"], name="ledger_dailydigest_date")]
        indexes = [models.Index(fields=["until_at"], name="ledger_dailydigest_until")]

    def __str__(self) -> str:
        return f"{self.date} {self.digest}"


class Closing(models.Model):
    """The sums of one unguarded account at the end of a closed day on which it moved.

    A balance is the latest of these and the transfers since, so reading one never slows down.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    date = models.DateField(_("date"))
    debits_fen = models.BigIntegerField(_("debits (fen)"))
    credits_fen = models.BigIntegerField(_("credits (fen)"))

    class Meta:
        verbose_name = _("closing")
        verbose_name_plural = _("closings")
        db_table_comment = "sealed: append-only, written by ledger_close_day() only"
        constraints = [models.UniqueConstraint(fields=["account", "date"], name="ledger_closing_account_date")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.date}"


class Balance(models.Model):
    """A view: every account with its sums of now, running or summed as its rule says."""

    account = models.OneToOneField(Account, on_delete=models.DO_NOTHING, related_name="+", primary_key=True)
    path = models.CharField(max_length=PATH_LENGTH_MAX)
    kind = models.CharField(max_length=10, choices=AccountKind)
    guarded = models.BooleanField()
    debits_fen = models.BigIntegerField()
    credits_fen = models.BigIntegerField()
    balance_fen = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "ledger_balance"

    def __str__(self) -> str:
        return f"{self.path} {self.balance_fen}"


class Line(models.Model):
    """A view: a transfer as one of its two accounts sees it, so each transfer is here twice.

    ``id`` is the transfer's and therefore unique within one account only.
    """

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="+")
    counter = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="+")
    journal = models.ForeignKey(Journal, on_delete=models.DO_NOTHING, related_name="+")
    debit_fen = models.BigIntegerField()
    credit_fen = models.BigIntegerField()
    posted_at = models.DateTimeField()

    # Signed from the account's side; queries.statement() works it out.
    amount_fen: int

    class Meta:
        managed = False
        db_table = "ledger_line"

    def __str__(self) -> str:
        return f"{self.account_id}: +{self.debit_fen} −{self.credit_fen} fen"
