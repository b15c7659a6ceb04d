"""People: who they are, how they sign in, where they live."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shop.accounts.rules import mask_name, mask_phone
from shop.base.numbers import new_number
from shop.privacy.fields import LookupField, SealedField


def new_user_number() -> str:
    return new_number("U")


def new_address_number() -> str:
    return new_number("A")


def new_browser_number() -> str:
    return new_number("B")


class UserManager(BaseUserManager["User"]):
    def create_user(self, phone: str | None, password: str | None = None, **fields: Any) -> "User":
        user = self.model(phone=phone, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, phone: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(phone, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Signs in by phone; may be customer, distributor, supplier's member and staff at once."""

    number = models.CharField(_("number"), max_length=20, unique=True, default=new_user_number, editable=False)
    # Null for a person who so far only came through WeChat.
    phone = SealedField(_("phone"), max_length=20, lookup="phone_key", null=True, blank=True)
    phone_key = LookupField(of="phone", unique=True)
    name = models.CharField(_("name"), max_length=40, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "phone"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.name or self.masked_phone or self.number

    @property
    def masked_phone(self) -> str:
        """The phone as screens and logs may show it: ``138****0000``; empty when there is none."""
        return mask_phone(self.phone) if self.phone else ""


class WechatIdentity(models.Model):
    """One openid of one app. The unionid joins a person's openids of several apps."""

    user = models.ForeignKey(User, models.CASCADE, related_name="wechat_identities")
    app_id = models.CharField(max_length=32)
    openid = models.CharField(max_length=64)
    unionid = models.CharField(max_length=64, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("WeChat identity")
        verbose_name_plural = _("WeChat identities")
        constraints = [
            models.UniqueConstraint(fields=["app_id", "openid"], name="accounts_openid_once"),
            models.UniqueConstraint(fields=["app_id", "user"], name="accounts_one_openid_per_app"),
        ]
        # Every order asks which accounts share an openid with the buyer's, whatever the app.
        indexes = [models.Index(fields=["openid"], name="accounts_openid")]

    def __str__(self) -> str:
        return f"{self.app_id}:{self.openid[:6]}…"


class Address(models.Model):
    """Where parcels go. Removing keeps the row: orders hold their own copy anyway."""

    number = models.CharField(max_length=20, unique=True, default=new_address_number, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="addresses")
    name = SealedField(_("recipient"), max_length=40)
    phone = SealedField(_("phone"), max_length=20)
    # A code, not a key: regions is a neighbour on the same row.
    region_code = models.CharField(_("region"), max_length=16)
    region_names = models.CharField(_("region names"), max_length=120)
    detail = SealedField(_("street and house"), max_length=120)
    is_default = models.BooleanField(_("default"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        indexes = [models.Index(fields=["user", "-id"])]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(is_default=True, removed_at=None),
                name="accounts_one_default_address",
            )
        ]

    def __str__(self) -> str:
        return f"{mask_name(self.name)} {self.region_names}"


class AccessToken(models.Model):
    """An opaque token of the mini-program, kept only as its hash."""

    class Kind(models.TextChoices):
        ACCESS = "access", _("access")
        REFRESH = "refresh", _("refresh")

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    kind = models.CharField(max_length=8, choices=Kind)
    token_hash = models.CharField(max_length=64, unique=True)
    # Access and refresh tokens of one sign-in share a family; reuse of a spent refresh token ends it.
    family = models.CharField(max_length=20, db_index=True)
    device = models.CharField(_("device"), max_length=80, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")

    def __str__(self) -> str:
        return f"{self.kind} of {self.user_id}"


class BrowserSession(models.Model):
    """A browser somebody signed in with, so that she can see it and end it. The session itself is Django's."""

    number = models.CharField(max_length=20, unique=True, default=new_browser_number, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="browsers")
    session_key = models.CharField(max_length=40, unique=True)
    device = models.CharField(_("device"), max_length=80, blank=True)
    signed_in_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = _("signed-in browser")
        verbose_name_plural = _("signed-in browsers")

    def __str__(self) -> str:
        return f"{self.device} of {self.user_id}"


class SignInCode(models.Model):
    """A code sent to a phone. Single use, few tries, short life; phone and code are kept only as hashes."""

    phone_key = models.CharField(max_length=64)
    code_hash = models.CharField(max_length=64)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sign-in code")
        verbose_name_plural = _("sign-in codes")
        indexes = [models.Index(fields=["phone_key", "-sent_at"])]

    def __str__(self) -> str:
        return self.phone_key[:8]


class TryCount(models.Model):
    """When somebody last tried to get in: an account, or an address. Kept under a keyed hash of which it is."""

    key = models.CharField(max_length=64, unique=True)
    tried_at = ArrayField(models.DateTimeField(), default=list)
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("count of tries")
        verbose_name_plural = _("counts of tries")

    def __str__(self) -> str:
        return self.key[:8]
