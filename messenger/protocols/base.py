"""
What a protocol is: words for the domain's events and commands, and nothing about the world.

A package of `messenger.protocols` makes one `Protocol` in its `socket.py` and fills it:

    miniapp = Protocol("miniapp", path="connect", codec=Flat("action"))

    @miniapp.on(MessageSent)
    def new_message(event) -> frames.NewMessage: return {"action": "new_message", …}

    @miniapp.command("message_read", message_id=Identifier())
    def message_read(call, *, message_id) -> frames.MessageRead: ...

Every event is either put into words or declared to be ignored; a test goes through all of them. The
documentation at `/docs/ws` is made from these annotations and fields.
"""

import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, Union
from typing import Protocol as Interface

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.tokens import Claims
from chats.log import Missed
from messaging.unread import Unread
from messenger.errors import Invalid, Malformed, MessengerError, UnknownCommand
from messenger.events import ChatEvent, Event, PassingEvent
from messenger.protocols.fields import Field
from messenger.realtime.handshake import Session
from messenger.realtime.limits import Limit
from messenger.realtime.socket import Frame, reaches
from messenger.schemas import Schema, Schemas
from messenger.texts import Sentence

Words = Any
Said = TypeVar("Said", covariant=True)
# What a renderer gives: the words for everybody, None for silence, or `To`s for some. It says which
# words in its return annotation, as TypedDicts: they are documented from there.
Rendered = Words | None | list["To[Any]"]
Render = TypeVar("Render", bound=Callable[[Any], Any])


@dataclass(frozen=True)
class To(Generic[Said]):
    """Words for some only: for those named, for all but those named, for who did not subscribe."""

    words: Said
    only: frozenset[int] | None = None
    but: frozenset[int] | None = None
    # Also for sockets that did not subscribe to the chat.
    unsolicited: bool = False


@dataclass(frozen=True)
class Incoming:
    """A frame taken apart: which command, with what, and what its answer must echo."""

    command: str
    data: dict[str, Any]
    request_id: Any = None


@dataclass(frozen=True)
class Call:
    """Who gives a command, from where."""

    session: Session
    socket_id: str
    # The person, read again for each command that needs the database and is not gathered: bans and
    # new names count.
    user: User | None = None
    # What the socket wants to hear of from now on: by chat id the `seq` it knows, None to stop.
    subscriptions: dict[int, int | None] = field(default_factory=dict)
    # What becomes of the socket by the command: set by it, carried out after it.
    after: "After" = field(default_factory=lambda: After())

    @property
    def actor(self) -> User:
        assert self.user is not None
        return self.user


@dataclass
class After:
    """What a command asks for its own socket."""

    # A fresh token that the socket acts with from now on.
    renewed: Claims | None = None
    # Whether nobody is looking.
    away: bool | None = None


@dataclass(frozen=True)
class Told:
    """What somebody missed has been told them: up to which `seq` of each chat."""

    missed: Missed
    seqs: Mapping[int, int]


class Codec(Interface):
    """How a frame names its command, and how answers and errors look."""

    @property
    def name(self) -> str:
        """The field that says what a frame is."""

    def decode(self, frame: dict[str, Any]) -> Incoming: ...

    def answer(self, command: str, words: Words, request_id: Any) -> Words: ...

    def error(self, error: MessengerError, incoming: Incoming | None) -> Words: ...

    # The same as JSON Schema: of a command with these fields, of an answer in words of this type,
    # and of an error.

    def command_schema(self, command: str, fields: Schema) -> Schema: ...

    def answer_schema(self, command: str, words: Any, schemas: Schemas) -> Schema: ...

    def error_schema(self, schemas: Schemas) -> Schema: ...


@dataclass(frozen=True)
class Command:
    """
    One command of a protocol. A gathered one only says what is to be done, as a command of the
    service `together`, which does it with others in one transaction. Any other one does it itself.
    `answer` puts the outcome into words; without it the outcome is the words, or None for silence.
    An outcome that is Missed is told to the socket first, and comes to `answer` as Told.
    """

    name: str
    fields: dict[str, Field]
    run: Callable[..., Any]
    # How often a person may give it, besides what goes for all frames.
    limit: Limit | None = None
    together: Callable[[Sequence[Any]], Sequence[Any]] | None = None
    answer: Callable[[Any], Words] | None = None
    # Whether it shows that somebody is there, and not merely a program.
    counts: bool = True
    # Whether it needs the database, if only to know its person; else it works without.
    stored: bool = True

    def clean(self, data: dict[str, Any]) -> dict[str, Any]:
        """The fields by name, checked. Invalid names every one that is wrong."""
        cleaned: dict[str, Any] = {}
        errors: dict[str, list[Sentence]] = {}
        for name, spec in self.fields.items():
            try:
                cleaned[name] = spec.clean(data.get(name))
            except ValueError as error:
                # The sentence itself: it is put into words where it is told.
                errors[name] = [error.args[0]]
        if errors:
            raise Invalid.fields(errors)
        return cleaned

    def schema(self) -> Schema:
        """Its fields."""
        return {
            "type": "object",
            "properties": {name: spec.described() for name, spec in self.fields.items()},
            "required": [name for name, spec in self.fields.items() if spec.required],
        }

    def answers(self) -> list[Any]:
        """The types of the words that answer it: none for no answer."""
        return words_of(self.answer or self.run)


@dataclass(eq=False)
class Protocol:
    """`path` is where its sockets connect, as a regular expression without slashes at the ends."""

    name: str
    path: str
    codec: Codec
    # The first words on a socket, from what waits for its person.
    greet: Callable[[Unread], Words] | None = None
    # The socket whose command made an event gets the answer and not the event.
    skips_origin: bool = False
    # A socket hears of a chat only after it has subscribed to it.
    by_subscription: bool = False
    commands: dict[str, Command] = field(default_factory=dict)
    renderers: dict[type[Event], list[Callable[[Any], Rendered]]] = field(default_factory=dict)
    ignored: set[type[Event]] = field(default_factory=set)

    @property
    def address(self) -> str:
        """`path` for people: "/ws/chat/{token}"."""
        return as_written(self.path)

    def on(self, *events: type[Event]) -> Callable[[Render], Render]:
        """Marks the words for these events."""

        def register(render: Render) -> Render:
            for event in events:
                self.renderers.setdefault(event, []).append(render)
            return render

        return register

    def ignores(self, *events: type[Event]) -> None:
        """This protocol has no words for these events, on purpose."""
        self.ignored.update(events)

    def command(
        self,
        name: str,
        /,
        *,
        limit: Limit | None = None,
        counts: bool = True,
        stored: bool = True,
        answer: Callable[[Any], Words] | None = None,
        **fields: Field,
    ) -> Callable[..., Any]:
        """Marks the function that carries out a command: (call, **fields) → its outcome."""

        def register(run: Callable[..., Any]) -> Callable[..., Any]:
            self.commands[name] = Command(
                name, fields, run, limit, answer=answer, counts=counts, stored=stored
            )
            return run

        return register

    def gathered(
        self,
        name: str,
        together: Callable[[Sequence[Any]], Sequence[Any]],
        /,
        *,
        answer: Callable[[Any], Words],
        **fields: Field,
    ) -> Callable[..., Any]:
        """Marks the function that says what a command wants of the service `together`."""

        def register(run: Callable[..., Any]) -> Callable[..., Any]:
            self.commands[name] = Command(name, fields, run, together=together, answer=answer)
            return run

        return register

    def decode(self, frame: dict[str, Any]) -> Incoming:
        return self.codec.decode(frame)

    def answer(self, command: str, words: Words, request_id: Any) -> Words:
        return self.codec.answer(command, words, request_id)

    def error(self, error: MessengerError, incoming: Incoming | None) -> Words:
        return self.codec.error(error, incoming)

    def find(self, incoming: Incoming) -> Command:
        command = self.commands.get(incoming.command)
        if command is None:
            named = repr(incoming.command[:40])
            raise UnknownCommand(format_lazy(_("There is no command {name}."), name=named))
        return command

    def frames(self, events: Iterable[Event]) -> list[Frame]:
        """The events in this protocol's words, as frames, in order."""
        frames: list[Frame] = []
        for event, to in self._told(events):
            frame = Frame(to.words, only=to.only, but=to.but, unsolicited=to.unsolicited)
            if isinstance(event, ChatEvent):
                frame.chat_id, frame.seq = event.chat_id, event.seq
                if self.skips_origin:
                    frame.origin = event.origin
            elif isinstance(event, PassingEvent):
                frame.passing = True
                if len(event.chat_ids) == 1:
                    [frame.chat_id] = event.chat_ids
            frames.append(frame)
        return frames

    def words_for(self, user_id: int, events: Iterable[Event]) -> list[Words]:
        """What this person hears of the events, in order: for telling it elsewhere than here."""
        told = self._told(events)
        return [to.words for _, to in told if reaches(user_id, to.only, to.but)]

    def _told(self, events: Iterable[Event]) -> Iterator[tuple[Event, To[Words]]]:
        for event in events:
            for render in self.renderers.get(type(event), ()):
                rendered = render(event)
                if rendered is None:
                    continue
                for to in rendered if isinstance(rendered, list) else (To(rendered),):
                    yield event, to


def as_written(pattern: str) -> str:
    """The regular expression of a path as people write it: "/chats/{chat_id}"."""
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern)
    return "/" + path.removeprefix("^").removesuffix("/?$")


def words_of(function: Callable[..., Any]) -> list[Any]:
    """The types of the words that a function may say, by its return annotation."""
    return list(_words_in(typing.get_type_hints(function, include_extras=True)["return"]))


def _words_in(hint: Any) -> Iterator[Any]:
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType, list, To):
        for argument in typing.get_args(hint):
            yield from _words_in(argument)
    elif typing.is_typeddict(origin or hint):
        yield hint
    elif hint not in (None, type(None)):
        raise TypeError(f"{hint!r} does not say which words these are.")


# What a client may call a command, and what its answer says then.
REQUEST_ID: Schema = {
    "type": ["integer", "string", "null"],
    "maxLength": 128,
    "description": "Comes back in the answer.",
}
ECHO: Schema = {
    "type": ["integer", "string"],
    "maxLength": 128,
    "description": "That of the command, if it had one.",
}
REQUEST: Schema = {
    "type": "string",
    "maxLength": 40,
    "description": "The command that this is about, if it could be read.",
}


def request_id_of(frame: dict[str, Any]) -> int | str | None:
    """What an answer must echo: an integer or a text. Malformed for anything else."""
    value = frame.get("request_id")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and len(value) <= 128:
        return value
    wrong = _("say an integer, or a text of no more than 128 characters.")
    raise Malformed(format_lazy("request_id: {}", wrong))


def text_of(value: Any, name: str) -> str:
    """The word under which a frame names its command. Malformed if it is not a text."""
    if not isinstance(value, str):
        wrong = _("Say which command this is: {name} must be a text.")
        raise Malformed(format_lazy(wrong, name=repr(name)))
    return value
