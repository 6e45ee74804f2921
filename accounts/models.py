"""People and their logins."""

import unicodedata
import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def normal(text: str) -> str:
    """The form in which usernames are kept: full-width and composed letters are plain ones."""
    return unicodedata.normalize("NFKC", text)


def fold(text: str) -> str:
    """The form under which names and e-mails are unique: 'Анна', 'АННА' and 'анна' are one."""
    return normal(text).casefold()


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, email: str, *, username: str, password: str | None = None, **extra: Any
    ) -> "User":
        """A new person. `password` None: nobody can sign in with a password. IntegrityError if
        the e-mail or the username is taken."""
        user = self.model(email=email, username=username, **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, *, username: str, password: str | None = None, **extra: Any
    ) -> "User":
        return self.create_user(
            email, username=username, password=password, is_staff=True, is_superuser=True, **extra
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email_key=fold(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person, found by `id` or `uuid`, signing in with the e-mail or the username."""

    uuid = models.UUIDField(_("UUID"), default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(_("e-mail"), max_length=254, unique=True)
    email_key = models.CharField(max_length=254, unique=True, editable=False)
    username = models.CharField(_("username"), max_length=64)
    username_key = models.CharField(max_length=200, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("moderator"), default=False)
    banned_at = models.DateTimeField(_("banned"), null=True, blank=True, editable=False)
    # The end of a ban; None for one without an end.
    banned_until = models.DateTimeField(_("banned until"), null=True, blank=True, editable=False)
    # What the account was is gone; what was said stays, by nobody in particular.
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)
    # The account that notices come from: nobody signs in with it, and nobody can write to it.
    is_service = models.BooleanField(_("service account"), default=False, editable=False)
    created_at = models.DateTimeField(_("signed up"), default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["username"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["id"]
        permissions = [
            ("view_email", _("Can see the e-mails of people")),
            ("appoint", _("Can appoint moderators")),
            ("export_user", _("Can export the data of people")),
            ("erase_user", _("Can erase people")),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email_key = fold(self.email)
        self.username_key = fold(self.username)
        self.name = self.name or self.username
        if (names := kwargs.get("update_fields")) is not None:
            also = {"email": "email_key", "username": "username_key"}
            kwargs["update_fields"] = {*names, *(also[name] for name in names if name in also)}
        super().save(*args, **kwargs)

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class Block(models.Model):
    """`user` wants nothing of `blocked`: no private messages and no presence between the two."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    blocked = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("block")
        verbose_name_plural = _("blocks")
        constraints = [models.UniqueConstraint(fields=["user", "blocked"], name="block_once")]

    def __str__(self) -> str:
        return f"{self.user_id} → {self.blocked_id}"


class Login(models.Model):
    """
    One signing-in: the family of refresh tokens that descend from it, and the access tokens made
    with them. Ending it makes all of them worthless at once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="logins")
    # The one refresh token of the family that can still be exchanged, by its `jti`.
    refresh_jti = models.CharField(max_length=32)
    rotated_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=20, blank=True)

    class Meta:
        verbose_name = _("login")
        verbose_name_plural = _("logins")
        indexes = [
            models.Index(fields=["expires_at"], name="login_expires"),
            models.Index(
                fields=["ended_at"],
                condition=models.Q(ended_at__isnull=False),
                name="login_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} since {self.created_at:%Y-%m-%d %H:%M}"


class Ticket(models.Model):
    """
    What opens one socket instead of an access token (`accounts.tickets`). Deleted when it is used.
    """

    # Of the ticket, in hexadecimal.
    digest = models.CharField(max_length=64, primary_key=True)
    # Plain values, without foreign keys: a socket looks at the login anyway.
    user_id = models.BigIntegerField()
    login_id = models.UUIDField()
    # When the token expires that it was given out for: seconds since the epoch.
    token_expires = models.FloatField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")

    def __str__(self) -> str:
        return f"{self.user_id} until {self.expires_at:%H:%M:%S}"
