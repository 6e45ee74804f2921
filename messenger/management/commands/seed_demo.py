"""`manage.py seed_demo`: people, chats and some history to look at. Again: nothing is doubled."""

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from accounts.demo import PASSWORD, PEOPLE, email_of
from accounts.models import User, fold
from accounts.services import register
from chats.models import Chat
from chats.services import create_chat
from messaging.models import Message
from messaging.reading import ReadMessage, read_messages
from messaging.services import SendMessage, Sent, add_reaction, send_messages
from messenger.errors import MessengerError
from messenger.locks import one_at_a_time
from moderation.models import Case
from moderation.rules import save_rule
from moderation.services import appoint, report_message

# Who says what; "name: text", then who reacts with what, then who has read it.
GROUPS: dict[str, tuple[list[str], list[tuple[str, str, dict[str, str], list[str]]]]] = {
    "Кухня": (
        ["anna", "boris", "vera", "grace"],
        [
            ("anna", "Доброе утро! Кто сегодня варит кофе?", {"boris": "☕"}, ["boris", "vera"]),
            ("boris", "Я уже варю. Будет через пять минут.", {"anna": "❤️", "vera": "👍"}, ["anna"]),
            ("vera", "Тогда с меня пирог 🥧", {"anna": "❤️", "boris": "❤️"}, ["anna", "boris"]),
            ("grace", "Good morning! Is there any tea?", {}, ["anna"]),
            ("anna", "Конечно, Grace, зелёный и чёрный.", {"grace": "🙏"}, ["grace"]),
            ("boris", "Кофе готов!", {}, []),
        ],
    ),
    "Analytical Engine": (
        ["ada", "alan", "grace", "anna"],
        [
            ("ada", "I have written down how the engine could compute Bernoulli numbers.",
             {"alan": "🔥", "grace": "👏"}, ["alan", "grace", "anna"]),
            ("alan", "Does it halt?", {"grace": "😂"}, ["ada", "grace", "anna"]),
            ("grace", "I found a moth in the relay. Fixed.", {"ada": "❤️", "alan": "❤️"}, ["ada"]),
            ("anna", "А на русском заметки будут?", {}, ["ada"]),
            ("ada", "Note G is being translated. По-русски тоже.", {"anna": "❤️"}, ["anna"]),
        ],
    ),
}  # fmt: skip
PAIRS = [
    ("anna", "boris", ["Привет! Придёшь вечером?", "Да, в семь.", "Отлично, жду 🙂"]),
    ("grace", "alan", ["Have you seen the new machine?", "Not yet. Is it universal?"]),
    ("ada", "vera", ["Здравствуйте, Вера!", "Здравствуйте, Ада. Рада познакомиться."]),
]

# Who reports what, why, and with which words.
REPORTS = [
    ("grace", "Does it halt?", "abuse", "He asks this of everybody."),
    ("ada", "Does it halt?", "other", ""),
    ("vera", "Я уже варю. Будет через пять минут.", "fraud", "Прошло уже десять."),
]


class Command(BaseCommand):
    help = (
        "Make demo people, chats and history, with reactions and receipts. Everybody's password is"
        f" {PASSWORD}. Running it again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--admin",
            action="store_true",
            help="make anna a superuser, vera a moderator, and something for them to look at",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with one_at_a_time("seed_demo"):
            self.seed(make_admin=options["admin"])

    def seed(self, *, make_admin: bool) -> None:
        people = {username: self.person(username, name) for username, name in PEOPLE.items()}
        if make_admin:
            User.objects.filter(id=people["anna"].id).update(is_staff=True, is_superuser=True)
            people["anna"].refresh_from_db()
        for name, (members, lines) in GROUPS.items():
            self.group(name, [people[member] for member in members], people, lines)
        for one, other, texts in PAIRS:
            chat = create_chat(people[one], kind="private", members=[people[other]])
            pair = (people[one], people[other])
            said = [(pair[number % 2], text) for number, text in enumerate(texts)]
            sent = self.say(chat, said)
            self.read(pair[1], sent[:1])
        if make_admin:
            self.moderation(people)
        by_click = " The page lets anybody in as one of them, by a click." if settings.DEMO else ""
        self.stdout.write(
            f"Demo people: {', '.join(PEOPLE)}. E-mail {email_of('<name>')}, password {PASSWORD}."
            f"{by_click}"
        )

    def moderation(self, people: dict[str, User]) -> None:
        """Reports and a rule, for the admin. Where there have been cases, nothing happens."""
        if Case.objects.exists():
            return
        if not people["vera"].is_staff:
            appoint(people["anna"], people["vera"], "moderator", reason="Demo: a moderator")
        for reporter, words, reason, comment in REPORTS:
            said = Message.objects.filter(content=words, deleted_at=None).first()
            if said is not None:
                with suppress(MessengerError):
                    report_message(
                        people[reporter], message=said.id, reason=reason, comment=comment
                    )
        save_rule(
            people["anna"], name="Казино", kind="words", patterns="казино\ncasino*", mode="hold"
        )

    def person(self, username: str, name: str) -> User:
        found = User.objects.filter(username_key=fold(username)).first()
        if found is not None:
            return found
        return register(email=email_of(username), username=username, name=name, password=PASSWORD)

    def group(
        self,
        name: str,
        members: list[User],
        people: dict[str, User],
        lines: list[tuple[str, str, dict[str, str], list[str]]],
    ) -> None:
        owner = members[0]
        chat = Chat.objects.filter(
            name=name, kind="group", deleted_at=None, memberships__user=owner
        ).first()
        if chat is None:
            chat = create_chat(owner, kind="group", name=name, members=members)
        sent = self.say(chat, [(people[who], text) for who, text, _, _ in lines])
        for message, (_, _, reactions, readers) in zip(sent, lines, strict=True):
            for who, emoji in reactions.items():
                # Somebody may have left since, or the message may be gone: let it be.
                with suppress(MessengerError):
                    add_reaction(people[who], message=message, emoji=emoji)
            for who in readers:
                self.read(people[who], [message])

    def say(self, chat: Chat, lines: list[tuple[User, str]]) -> list[int]:
        """Ids of the messages. The keys make sure that each is said once, whatever runs again."""
        outcomes = send_messages(
            [
                SendMessage(
                    author_id=author.id,
                    chat=chat.id,
                    content=text,
                    key=f"demo:{chat.uuid}:{number}",
                )
                for number, (author, text) in enumerate(lines)
            ]
        )
        ids = []
        for outcome in outcomes:
            if isinstance(outcome, MessengerError):
                raise outcome
            assert isinstance(outcome, Sent)
            ids.append(outcome.message.id)
        return ids

    def read(self, reader: User, message_ids: list[int]) -> None:
        read_messages([ReadMessage(reader_id=reader.id, message=id) for id in message_ids])
