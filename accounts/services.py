"""What can be done with accounts: sign up, sign in, refresh, sign out, change, ban."""

import re
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.signals import post_save, pre_delete
from django.utils import timezone, translation
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts import selectors, tokens
from accounts.events import LoginsEnded
from accounts.models import Login, User, fold, normal
from accounts.tokens import TokenPair
from messenger.errors import (
    Banned,
    Conflict,
    Invalid,
    TokenReused,
    Unauthenticated,
    WrongCredentials,
)
from messenger.events import publish
from messenger.texts import Sentence, at_most

USERNAME = re.compile(r"[\w.+-]{2,64}")
MAX_PASSWORD = 128

# In place of a password, while an account is being erased: whether its messages go, too. No
# password is kept in such a form.
PLAIN, WITH_MESSAGES = "!erasing", "!erasing with messages"


def register(*, email: str, password: str, username: str = "", name: str = "") -> User:
    """
    A new person. `username` is made from the e-mail where missing, `name` from the username.
    Invalid, with a sentence for each field, for what is malformed, weak or taken.
    """
    email, username, name = email.strip(), normal(username.strip()), name.strip()
    errors = _problems(email, username, name)
    draft = User(email=email, username=username, name=name)
    try:
        validate_password(password, user=draft)
    except ValidationError as error:
        errors["password"] = list(error.messages)
    if len(password) > MAX_PASSWORD:
        errors["password"] = [at_most(MAX_PASSWORD)]
    if not errors:
        errors = _taken(email, username)
    if errors:
        raise Invalid(errors=errors)

    hashed = make_password(password)
    for attempt in range(5):
        chosen = username or _free_username(email, attempt)
        try:
            with transaction.atomic():
                return User.objects.create(
                    email=email, username=chosen, name=name or chosen, password=hashed
                )
        except IntegrityError:
            # Somebody was faster by a moment: with our e-mail, or with the name we made up.
            if errors := _taken(email, username):
                raise Invalid(errors=errors) from None
    raise Invalid(errors={"username": [_("choose a username")]})


def authenticate(login: str, password: str) -> User:
    """
    The active person with this e-mail or username and password. Banned for who is, and knows their
    password; WrongCredentials otherwise, after the same work whether or not the account exists.
    """
    user = selectors.named(login)
    if user is None or len(password) > MAX_PASSWORD:
        make_password(password[:MAX_PASSWORD])
        raise WrongCredentials
    if not user.check_password(password):
        raise WrongCredentials
    if user.banned_until is not None and user.banned_until <= timezone.now():
        end_bans()
        user.refresh_from_db()
    if user.banned_at is not None:
        raise Banned(_banned_text(user.banned_until), until=user.banned_until)
    if not user.is_active:
        raise WrongCredentials
    return user


def log_in(login: str, password: str) -> TokenPair:
    """Sign in with an e-mail or a username. WrongCredentials says nothing about which was wrong."""
    user = authenticate(login, password)
    with transaction.atomic():
        # While the password was hashed it may have been changed, and the logins of then ended.
        same = User.objects.filter(id=user.id, password=user.password, is_active=True)
        if not same.select_for_update(no_key=True):
            raise WrongCredentials
        return start_login(user)


def start_login(user: User) -> TokenPair:
    """A new login of `user` and its first tokens."""
    login = Login(user=user, expires_at=timezone.now() + settings.REFRESH_TOKEN_LIFE)
    pair, login.refresh_jti = tokens.issue(user.id, login.id)
    login.save(force_insert=True)
    return pair


def refresh(token: str, *, received_at: datetime) -> TokenPair:
    """
    Exchange a refresh token for a new pair. Of parallel exchanges exactly one wins.

    `received_at` is when the request reached the server. A token that had been exchanged before
    that is being reused, perhaps by a thief: the login and everything that descends from it ends.
    One that was exchanged while this request was on its way merely lost the race. TokenReused for
    both, Unauthenticated for a token that is no good at all.
    """
    claims = tokens.read_refresh(token)
    pair, jti = tokens.issue(claims.user_id, claims.login_id)
    now = timezone.now()
    # No joins: Django would put them and the `jti` in a subquery, which PostgreSQL does not look at
    # again after it has waited for the winner, and the losers would win too.
    live = Login.objects.filter(
        Exists(User.objects.filter(id=OuterRef("user_id"), is_active=True)),
        id=claims.login_id,
        user_id=claims.user_id,
        ended_at=None,
    )
    won = live.filter(refresh_jti=claims.jti).update(
        refresh_jti=jti, rotated_at=now, expires_at=now + settings.REFRESH_TOKEN_LIFE
    )
    if won:
        return pair
    login = live.first()
    if login is None:
        raise Unauthenticated
    if login.rotated_at is None or login.rotated_at + settings.REFRESH_LEEWAY < received_at:
        end_logins(login.user_id, only=login.id, reason="token_reused")
    raise TokenReused


def access_for(login_id: UUID) -> str:
    """
    A fresh access token of this login, for a page whose session it is. Like a refresh it makes the
    login last longer. Unauthenticated for one that has come to an end.
    """
    user, now = selectors.login_user(login_id), timezone.now()
    if user is None:
        raise Unauthenticated
    live = Login.objects.filter(id=login_id, ended_at=None, expires_at__gt=now)
    if not live.update(expires_at=now + settings.REFRESH_TOKEN_LIFE):
        raise Unauthenticated
    return tokens.access(user.id, login_id)


def log_out(login_id: UUID) -> None:
    """End this login: its tokens are worthless and its sockets close. Again: nothing happens."""
    login = Login.objects.filter(id=login_id, ended_at=None).first()
    if login is not None:
        end_logins(login.user_id, only=login_id, reason="logout")


def end_logins(user_id: int, *, reason: str, only: UUID | None = None) -> None:
    """End one or all logins of a person."""
    with transaction.atomic():
        logins = Login.objects.filter(user_id=user_id, ended_at=None)
        if only is not None:
            logins = logins.filter(id=only)
        logins.update(ended_at=timezone.now(), end_reason=reason)
        publish(
            LoginsEnded(user_id=user_id, logins=None if only is None else [only.hex], reason=reason)
        )


def change_password(user: User, password: str | None) -> None:
    """
    Set a new password, or None, with which nobody signs in; every login ends (`watch_people`).
    Invalid if it is weak, Conflict for an account that is erased or about to be.
    """
    if password is not None:
        try:
            validate_password(password, user=user)
        except ValidationError as error:
            raise Invalid(errors={"password": list(error.messages)}) from None
    # Hashing may have to wait for its turn, which a transaction should not.
    user.set_password(password)
    with transaction.atomic():
        if is_erased(User.objects.select_for_update(no_key=True).get(id=user.id)):
            raise Conflict(_("This account is erased."))
        user.save(update_fields=["password"])
        if password is None:
            end_logins(user.id, reason="password_changed")


def is_erased(user: User) -> bool:
    """Whether the account is erased, or what is left of that is only still to be done."""
    return user.erased_at is not None or user.password in (PLAIN, WITH_MESSAGES)


def watch_people() -> None:
    """However a person is changed (here, in the admin, in a shell), end the logins that must."""

    def saved(
        sender: type,
        instance: User,
        created: bool,
        update_fields: Collection[str] | None,
        **kwargs: Any,
    ) -> None:
        if created:
            return
        if getattr(instance, "_password", None) is not None:
            end_logins(instance.id, reason="password_changed")
        if not instance.is_active and (update_fields is None or "is_active" in update_fields):
            end_logins(instance.id, reason="deactivated")

    def deleted(sender: type, instance: User, **kwargs: Any) -> None:
        # Their logins go with them.
        publish(LoginsEnded(user_id=instance.id, logins=None, reason="deleted"))

    post_save.connect(saved, sender=User, weak=False, dispatch_uid="watch_people")
    pre_delete.connect(deleted, sender=User, weak=False, dispatch_uid="watch_people")


def ban(user: User, *, until: datetime | None = None) -> None:
    """
    Shut a person out until then, or until `unban`: no signing in, and open sockets close with 4403.
    """
    with transaction.atomic():
        User.objects.filter(id=user.id).update(
            is_active=False, banned_at=timezone.now(), banned_until=until
        )
        end_logins(user.id, reason="banned")


def unban(user: User) -> None:
    """Let a person in again. Nothing happens to who is not banned."""
    _let_in(User.objects.filter(id=user.id))


def end_bans() -> int:
    """Let those in again whose bans have come to their end. How many there were."""
    return _let_in(User.objects.filter(banned_until__lte=timezone.now()))


def _let_in(people: QuerySet[User]) -> int:
    banned = people.filter(banned_at__isnull=False, erased_at=None)
    return banned.update(is_active=True, banned_at=None, banned_until=None)


def _banned_text(until: datetime | None) -> Sentence | None:
    if until is None:
        return None
    text = _("This account is banned until {time} UTC.")
    return format_lazy(text, time=f"{until:%Y-%m-%d %H:%M}")


def service_account() -> User:
    """The account that notices come from, made when it is first needed."""
    found = User.objects.filter(is_service=True).order_by("id").first()
    if found is not None:
        return found
    with translation.override(settings.LANGUAGE_CODE):
        name = str(_("Moderation"))
    for username in ("moderation", f"moderation.{secrets.token_hex(4)}"):
        try:
            with transaction.atomic():
                return User.objects.create_user(
                    f"{username}@service.invalid", username=username, name=name, is_service=True
                )
        except IntegrityError:
            # Another process was quicker, or somebody is called so.
            if found := User.objects.filter(is_service=True).first():
                return found
    raise Conflict(_("The account for notices can't be made."))


def forget_old_logins() -> int:
    """Delete logins whose refresh tokens have all expired. How many there were."""
    deleted, _ = Login.objects.filter(expires_at__lt=timezone.now()).delete()
    return deleted


def problems(person: User) -> dict[str, list[Sentence]]:
    """What is wrong with the names and the e-mail of a person, as `register` sees it."""
    email, username, name = person.email, person.username, person.name
    return _problems(email, username, name) or _taken(email, username, but=person.pk or 0)


def _problems(email: str, username: str, name: str) -> dict[str, list[Sentence]]:
    errors: dict[str, list[Sentence]] = {}
    try:
        validate_email(email)
        # Some letters fold to several: a domain of "ﷺ" grows eighteenfold.
        if max(len(email), len(fold(email))) > 254:
            raise ValidationError("")
    except ValidationError:
        errors["email"] = [_("this is not an e-mail address")]
    if username and not USERNAME.fullmatch(username):
        errors["username"] = [_("2 to 64 letters, digits and . _ + -")]
    if len(name) > 100:
        errors["name"] = [at_most(100)]
    if any(not character.isprintable() for character in name):
        errors["name"] = [_("only characters that can be printed")]
    return errors


def _taken(email: str, username: str, but: int = 0) -> dict[str, list[Sentence]]:
    errors: dict[str, list[Sentence]] = {}
    others = User.objects.exclude(pk=but)
    if others.filter(email_key=fold(email)).exists():
        errors["email"] = [_("this e-mail is registered already")]
    if username and others.filter(username_key=fold(username)).exists():
        errors["username"] = [_("this username is taken")]
    return errors


def _free_username(email: str, attempt: int) -> str:
    base = re.sub(r"[^\w.+-]", "", email.split("@")[0])[:50] or "user"
    base = base if len(base) > 1 else f"{base}_"
    if attempt == 0:
        for candidate in (base, *(f"{base}{number}" for number in range(2, 21))):
            if not User.objects.filter(username_key=fold(candidate)).exists():
                return candidate
    # Many with like e-mails at once would go on choosing the same next number.
    return f"{base}{secrets.token_hex(4)}"
