"""
The demo people: made by `manage.py seed_demo`, with a password that everybody may know. With DEMO
on anybody may come in as one of them, by one click.
"""

from accounts import selectors
from accounts.models import User
from messenger.errors import NotFound

PASSWORD = "demo-messenger-1"
PEOPLE = {
    "anna": "Анна Каренина",
    "boris": "Борис Годунов",
    "vera": "Вера Павловна",
    "grace": "Grace Hopper",
    "alan": "Alan Turing",
    "ada": "Ada Lovelace",
}


def email_of(username: str) -> str:
    return f"{username}@demo.example"


def find(username: str) -> User:
    """The demo person of this name. NotFound for anybody else, and before they are made."""
    # By the e-mail: whoever signed up under one of these usernames first is no demo person.
    person = selectors.named(email_of(username)) if username in PEOPLE else None
    if person is None or not person.is_active:
        raise NotFound
    return person
