"""People in the admin: what a moderator can do there, and what not."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.timezone import now

from accounts import admin_passwords, services
from accounts.erasure import shut, unfinished
from accounts.models import User
from moderation.models import AuditEntry
from tests.people import PASSWORD, make_user, post, token

LOGIN = "/admin/login/"
LIST = "/admin/accounts/user/"
NEW = "battery-staple-8"


@pytest.fixture
def olga() -> User:
    """Owns the place: a superuser."""
    return make_user("olga", is_staff=True, is_superuser=True)


@pytest.fixture
def mark() -> User:
    """Moderates: staff, who may change people and ban them, and no superuser."""
    return moderator("mark")


def moderator(name: str, *powers: str) -> User:
    user = make_user(name, is_staff=True)
    names = powers or (
        *("view_user", "change_user", "delete_user", "add_user", "view_email"),
        *("handle_case", "ban_person", "undo_decision"),
    )
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


def entered(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User) -> str:
    return f"{LIST}{user.pk}/change/"


def form_of(user: User, **change: Any) -> dict[str, Any]:
    return {"email": user.email, "username": user.username, "name": user.name, **change}


def act(client: Client, action: str, *users: User) -> Any:
    chosen = {"action": action, "_selected_action": [user.pk for user in users]}
    return client.post(LIST, {**chosen, "reason": "Because of the rules"}, follow=True)


def again(user: User) -> User:
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("login", ["olga@example.org", "OLGA@example.org", "olga", "Olga"])
def test_one_signs_in_with_email_or_username(api: Client, olga: User, login: str) -> None:
    response = api.post(LOGIN, {"username": login, "password": PASSWORD, "next": LIST})
    assert (response.status_code, response["Location"]) == (302, LIST)
    assert api.get(LIST).status_code == 200


@pytest.mark.parametrize(
    ("login", "password"),
    [("olga", "wrong-horse-7"), ("nobody", PASSWORD), ("alice", PASSWORD), ("mark", PASSWORD)],
)
def test_no_one_else_gets_in(
    api: Client, olga: User, alice: User, mark: User, login: str, password: str
) -> None:
    services.ban(mark)
    response = api.post(LOGIN, {"username": login, "password": password, "next": LIST})
    assert response.status_code == 200 and b"Please enter the correct" in response.content
    assert api.get(LIST).status_code == 302


def test_passwords_are_not_guessed_in_the_admin_either(api: Client, olga: User) -> None:
    for _ in range(10):
        api.post(LOGIN, {"username": "olga", "password": "wrong-horse-7"})
    right = {"username": "olga", "password": PASSWORD, "next": LIST}
    assert api.post(LOGIN, right).status_code == 200
    assert api.post(LOGIN, right, REMOTE_ADDR="10.0.0.9").status_code == 302


def test_the_admin_is_closed_to_pages_of_others(olga: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(olga)
    assert act(client, "ban", olga).status_code == 403


def test_who_has_a_token_only_does_not_get_in(api: Client, olga: User) -> None:
    headers = {"Authorization": f"Bearer {token(olga)}"}
    assert api.get(LIST, headers=headers).status_code == 302


def test_a_ban_ends_the_logins_and_is_heard(mark: User, alice: User, bob: User) -> None:
    pair, other = services.start_login(alice), services.start_login(bob)
    response = act(entered(mark), "ban", alice)
    assert b"Alice is banned." in response.content
    assert alice.logins.get().end_reason == "banned"
    assert not again(alice).is_active and again(alice).banned_at is not None
    for access, status in ((pair.access, 401), (other.access, 200)):
        headers = {"Authorization": f"Bearer {access}"}
        assert Client().get("/api/v1/auth/me", headers=headers).status_code == status


def test_a_ban_is_lifted(mark: User, alice: User) -> None:
    client = entered(mark)
    act(client, "ban", alice)
    assert alice.decisions_on.get().reason == "Because of the rules"
    act(client, "unban", alice)
    assert again(alice).is_active and again(alice).banned_at is None
    assert alice.decisions_on.get().undone_at is not None
    assert services.log_in("alice", PASSWORD)


def test_a_ban_of_a_command_is_lifted_too(mark: User, alice: User) -> None:
    services.ban(alice)
    act(entered(mark), "unban", alice)
    assert again(alice).is_active
    assert AuditEntry.objects.get().action == "user.unbanned"


@pytest.mark.parametrize("reason", ["", "   ", "x", "x" * 1001])
def test_nobody_is_banned_without_a_reason(mark: User, alice: User, reason: str) -> None:
    chosen = {"action": "ban", "_selected_action": alice.pk, "reason": reason}
    answer = entered(mark).post(LIST, chosen, follow=True)
    assert answer.status_code == 200 and again(alice).is_active
    assert not AuditEntry.objects.exists()


def test_a_moderator_bans_neither_himself_nor_his_equals_nor_the_owner(
    mark: User, olga: User
) -> None:
    equal = moderator("maria")
    response = act(entered(mark), "ban", mark, olga, equal)
    assert response.content.count(b"somebody else decides.") == 3
    assert User.objects.filter(is_active=True).count() == 3


def test_an_owner_bans_a_moderator_but_not_herself(mark: User, olga: User) -> None:
    act(entered(olga), "ban", mark, olga)
    assert not again(mark).is_active and again(olga).is_active


def test_a_banned_moderator_is_not_let_in_by_another(mark: User, olga: User) -> None:
    maria = moderator("maria")
    act(entered(olga), "ban", maria)
    act(entered(mark), "unban", maria)
    assert not again(maria).is_active
    act(entered(olga), "unban", maria)
    assert again(maria).is_active


def test_who_may_only_look_bans_nobody(alice: User) -> None:
    viewer = entered(moderator("vera", "view_user"))
    assert viewer.get(LIST).status_code == 200
    act(viewer, "ban", alice)
    assert again(alice).is_active


@pytest.mark.parametrize(
    "powers",
    [
        {"is_superuser": "on"},
        {"is_staff": "on", "is_superuser": "on", "_save": "Save"},
        {"groups": ["1"]},
        {"user_permissions": [str(n) for n in range(1, 60)]},
        {"is_active": "on", "banned_at_0": "", "banned_at_1": ""},
    ],
)
def test_a_moderator_cannot_raise_himself_nor_a_friend(
    mark: User, alice: User, powers: dict[str, Any]
) -> None:
    before = set(mark.get_all_permissions())
    for user in (mark, alice):
        entered(mark).post(page(user), form_of(user, name="New", **powers))
        after = again(user)
        assert after.name == "New"
        assert not after.is_superuser and after.is_staff == user.is_staff
        assert not after.groups.exists()
    assert set(again(mark).get_all_permissions()) == before
    assert not again(alice).get_all_permissions()


def test_a_moderator_cannot_become_the_owner(mark: User, olga: User) -> None:
    client = entered(mark)
    password = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    attempts = [
        client.post(page(olga), form_of(olga, email="mark2@example.org")),
        client.post(f"{LIST}{olga.pk}/password/", password),
        client.post(f"{LIST}{olga.pk}/delete/", {"post": "yes"}),
    ]
    assert {response.status_code for response in attempts} == {403}
    client.post(LIST, {"action": "delete_selected", "_selected_action": [olga.pk], "post": "yes"})
    assert again(olga).email == olga.email and again(olga).check_password(PASSWORD)


def test_an_owner_raises_a_moderator(mark: User, olga: User) -> None:
    entered(olga).post(page(mark), form_of(mark, is_staff="on", is_superuser="on"))
    assert again(mark).is_superuser


def test_what_was_changed_is_in_the_audit_log_by_the_names_of_the_fields(
    mark: User, alice: User
) -> None:
    client = entered(mark)
    client.post(page(alice), form_of(alice, name="Alicia", email="alicia@example.org"))
    client.post(page(alice), form_of(again(alice)))
    password = {"password1": NEW, "password2": NEW, "set-password": "yes"}
    client.post(f"{LIST}{alice.pk}/password/", {**password, "usable_password": "true"})
    client.post(f"{LIST}add/", {"email": "new@example.org", "username": "new", **password})
    entries = AuditEntry.objects.order_by("number").values_list("action", "target", "facts")
    new = User.objects.get(username="new")
    assert list(entries) == [
        ("user.changed", f"user {alice.pk}", {"fields": ["E-mail", "Name"]}),
        ("user.changed", f"user {alice.pk}", {"fields": ["password"]}),
        ("user.added", f"user {new.pk}", {}),
    ]


def test_who_may_not_see_emails_finds_none_by_looking_for_them(alice: User) -> None:
    vera = entered(moderator("vera", "view_user"))
    for path in (LIST, page(alice), f"{LIST}?q=alice", f"{LIST}?o=3"):
        html = vera.get(path).content.decode()
        assert "alice" in html and "@example.org" not in html
    assert b"0 users" in vera.get(f"{LIST}?q=@example.org").content
    for lookup in ("email", "email__startswith", "email_key", "email_key__contains", "blocks"):
        assert vera.get(f"{LIST}?{lookup}=a").status_code == 400
    # Nor is one changed by who does not see it.
    blind = entered(moderator("boris", "view_user", "change_user"))
    blind.post(page(alice), {"username": "alice", "name": "New", "email": "x@example.org"})
    assert (again(alice).name, again(alice).email) == ("New", "alice@example.org")


def test_who_may_only_look_sees_nothing_of_a_password(alice: User) -> None:
    html = entered(moderator("vera", "view_user")).get(page(alice)).content.decode()
    assert "md5" not in html and "salt" not in html and "/password/" not in html


def test_a_new_password_set_there_ends_the_logins(mark: User, alice: User) -> None:
    services.start_login(alice)
    password = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert entered(mark).post(f"{LIST}{alice.pk}/password/", password).status_code == 302
    assert alice.logins.get().end_reason == "password_changed"
    assert services.log_in("alice", NEW)


def test_so_does_taking_a_password_away(mark: User, alice: User) -> None:
    services.start_login(alice)
    form = {"usable_password": "false", "unset-password": "yes"}
    assert entered(mark).post(f"{LIST}{alice.pk}/password/", form).status_code == 302
    assert alice.logins.get().end_reason == "password_changed"
    assert not again(alice).has_usable_password()


def test_what_happens_meanwhile_is_not_undone_by_a_form(
    mark: User, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = services.problems

    def problems(person: User) -> Any:
        services.ban(alice)
        User.objects.filter(pk=alice.pk).update(email="new@example.org", email_key="new")
        return judge(person)

    monkeypatch.setattr(services, "problems", problems)
    entered(mark).post(page(alice), form_of(alice, name="Alicia"))
    left = again(alice)
    assert (left.name, left.is_active, left.email) == ("Alicia", False, "new@example.org")
    assert left.banned_at is not None and left.email_key == "new"


def own_password(client: Client) -> Any:
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    return client.post("/admin/password_change/", form)


def set_password(client: Client, user: User) -> Any:
    form = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    return client.post(f"{LIST}{user.pk}/password/", form, follow=True)


def just_before_a_password_is_written(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    def change(user: User, password: str | None) -> None:
        act()
        services.change_password(user, password)

    monkeypatch.setattr(admin_passwords, "change_password", change)


def test_nor_by_a_new_password(
    olga: User, mark: User, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def demote() -> None:
        User.objects.filter(pk__in=[mark.pk, alice.pk]).update(is_staff=False, banned_at=now())

    client = entered(mark)
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    just_before_a_password_is_written(monkeypatch, demote)
    assert own_password(client).status_code == 302
    assert set_password(entered(olga), alice).status_code == 200
    for user in (again(mark), again(alice)):
        assert (user.is_staff, user.check_password(NEW)) == (False, True)
        assert user.banned_at is not None


def test_an_account_that_is_being_erased_gets_no_password(
    olga: User, mark: User, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = entered(mark)
    shut(alice, messages=True)
    assert set_password(client, alice).status_code == 403
    assert client.post(page(alice), form_of(alice, name="New")).status_code == 403
    bob = make_user("bob")
    just_before_a_password_is_written(monkeypatch, lambda: shut(bob, messages=True))
    assert b"This account is erased." in set_password(client, bob).content
    just_before_a_password_is_written(monkeypatch, lambda: shut(mark, messages=True))
    refused = own_password(client)
    assert refused.status_code == 200 and b"This account is erased." in refused.content
    assert unfinished().filter(pk=mark.pk, password=services.WITH_MESSAGES).exists()
    assert all(again(user).username.startswith("erased-") for user in (alice, mark))


def test_somebody_added_there_signs_in_everywhere(api: Client, mark: User) -> None:
    form = {"email": "new@example.org", "username": "New", "password1": NEW, "password2": NEW}
    assert entered(mark).post(f"{LIST}add/", form).status_code == 302
    assert post(api, "/login", {"email": "NEW", "password": NEW}).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ALICE@example.org"),
        ("username", "ALICE"),
        ("username", "ａｌｉｃｅ"),
        ("username", "x" * 65),
        ("username", "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 30),
        ("username", "alice@example.org"),
        ("username", "<b>new</b>"),
        ("email", "new"),
    ],
)
def test_a_name_that_will_not_do_is_a_mistake_in_the_form(
    mark: User, alice: User, bob: User, field: str, value: str
) -> None:
    new = {"email": "new@example.org", "username": "new", "password1": NEW, "password2": NEW}
    client = entered(mark)
    for address, form in ((f"{LIST}add/", new), (page(bob), form_of(bob))):
        response = client.post(address, {**form, field: value})
        assert response.status_code == 200
        assert set(response.context["adminform"].form.errors) == {field}
    assert User.objects.count() == 3 and getattr(again(bob), field) == getattr(bob, field)


def test_a_hostile_name_is_only_text(olga: User) -> None:
    name = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><b>{{ 7|add:7 }}{% now 'Y' %}"
    villain = make_user("villain")
    User.objects.filter(pk=villain.pk).update(name=name)
    client = entered(olga)
    pages = [client.get(f"{LIST}{at}") for at in ("", f"{villain.pk}/change/", "?q=<script>")]
    for page in (*pages, act(client, "ban", villain)):
        html = page.content.decode()
        assert "<script>alert" not in html and "<img src=x" not in html and "{{ 7" in html
        assert "&lt;script&gt;" in html


STRANGE = ["q=%EF%BF%BF", "p=x", "p=99999999999999999999", "is_active__exact=x", "uuid=x",
           "id__exact=" + "9" * 40, "password__startswith=argon2", "created_at__year=x",
           "q=" + "x" * 5000]  # fmt: skip


def test_a_list_asked_for_strangely_is_no_crash(olga: User) -> None:
    client = entered(olga)
    for query in STRANGE:
        assert client.get(f"{LIST}?{query}").status_code in (200, 302, 400), query


def test_a_person_who_does_not_exist_is_not_found(olga: User) -> None:
    client = entered(olga)
    for id in ("0", "-1", "9" * 40, "x", "1.0", "_5F", "../1", "None"):
        assert client.get(f"{LIST}{id}/change/").status_code in (302, 404), id
