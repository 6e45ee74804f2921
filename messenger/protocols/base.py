"""
What a protocol is: words for the domain's events and commands, and nothing about the world.

A package of `messenger.protocols` makes one `Protocol` in its `socket.py` and fills it:

    miniapp = Protocol("miniapp", path="connect", …)

    @miniapp.on(MessageSent)
    def new_message(event): return {"action": "new_message", …}

    @miniapp.command("message_read", message_id=Identifier())
    def message_read(...): ...

Every event is either put into words or declared to be ignored; a test goes through all of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from messaging.unread import Unread
from messenger.errors import Invalid, Malformed, MessengerError, UnknownCommand
from messenger.events import ChatEvent, Event, PassingEvent
from messenger.protocols.fields import Field
from messenger.realtime.handshake import Session
from messenger.realtime.limits import Limit
from messenger.realtime.socket import Frame

Words = Any
# What a renderer gives: the words for everybody, None for silence, or `To`s for some.
Rendered = Words | None | list["To"]


@dataclass(frozen=True)
class To:
    """Words for some only: for those named, for all but those named, for who did not subscribe."""

    words: Words
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
    # The person, read again for each command that is not gathered: bans and new names count.
    user: User | None = None
    # What the socket wants to hear of from now on: by chat id the `seq` it knows, None to stop.
    subscriptions: dict[int, int | None] = field(default_factory=dict)

    @property
    def actor(self) -> User:
        assert self.user is not None
        return self.user


@dataclass(frozen=True)
class Command:
    """
    One command of a protocol. A gathered one only says what is to be done, as a command of the
    service `together`, which does it with others in one transaction; `answer` puts the outcome
    into words. Any other one does it and answers itself.
    """

    name: str
    fields: dict[str, Field]
    run: Callable[..., Any]
    # How often a person may give it, besides what goes for all frames.
    limit: Limit | None = None
    together: Callable[[Sequence[Any]], Sequence[Any]] | None = None
    answer: Callable[[Any], Words] | None = None

    def clean(self, data: dict[str, Any]) -> dict[str, Any]:
        """The fields by name, checked. Invalid names every one that is wrong."""
        cleaned: dict[str, Any] = {}
        errors: dict[str, list[str]] = {}
        for name, spec in self.fields.items():
            try:
                cleaned[name] = spec.clean(data.get(name))
            except ValueError as error:
                errors[name] = [str(error)]
        if errors:
            sentence = "; ".join(f"{name}: {texts[0]}" for name, texts in errors.items())
            raise Invalid(sentence, errors=errors)
        return cleaned


@dataclass(eq=False)
class Protocol:
    """`path` is where its sockets connect, as a regular expression without slashes at the ends."""

    name: str
    path: str
    # How a frame names its command, and how answers and errors look.
    decode: Callable[[dict[str, Any]], Incoming]
    answer: Callable[[str, Words, Any], Words]
    error: Callable[[MessengerError, Incoming | None], Words]
    # The first words on a socket, from what waits for its person.
    greet: Callable[[Unread], Words] | None = None
    # The socket whose command made an event gets the answer and not the event.
    skips_origin: bool = False
    # A socket hears of a chat only after it has subscribed to it.
    by_subscription: bool = False
    commands: dict[str, Command] = field(default_factory=dict)
    renderers: dict[type[Event], list[Callable[[Any], Rendered]]] = field(default_factory=dict)
    ignored: set[type[Event]] = field(default_factory=set)

    def on(self, *events: type[Event]) -> Callable[..., Any]:
        """Marks the words for these events."""

        def register(render: Callable[[Any], Rendered]) -> Callable[[Any], Rendered]:
            for event in events:
                self.renderers.setdefault(event, []).append(render)
            return render

        return register

    def ignores(self, *events: type[Event]) -> None:
        """This protocol has no words for these events, on purpose."""
        self.ignored.update(events)

    def command(
        self, name: str, /, *, limit: Limit | None = None, **fields: Field
    ) -> Callable[..., Any]:
        """
        Marks the function that carries out a command: (call, **fields) → the answer's words, or
        None for no answer.
        """

        def register(run: Callable[..., Any]) -> Callable[..., Any]:
            self.commands[name] = Command(name, fields, run, limit)
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

    def find(self, incoming: Incoming) -> Command:
        command = self.commands.get(incoming.command)
        if command is None:
            raise UnknownCommand(f"There is no command {incoming.command[:40]!r}.")
        return command

    def frames(self, events: Iterable[Event]) -> list[Frame]:
        """The events in this protocol's words, as frames, in order."""
        frames: list[Frame] = []
        for event in events:
            for render in self.renderers.get(type(event), ()):
                rendered = render(event)
                if rendered is None:
                    continue
                for to in rendered if isinstance(rendered, list) else (To(rendered),):
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


def request_id_of(frame: dict[str, Any]) -> int | str | None:
    """What an answer must echo: an integer or a text. Malformed for anything else."""
    value = frame.get("request_id")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and len(value) <= 128:
        return value
    raise Malformed("request_id: say an integer, or a text of no more than 128 characters.")


def text_of(value: Any, name: str) -> str:
    """The word under which a frame names its command. Malformed if it is not a text."""
    if not isinstance(value, str):
        raise Malformed(f"Say which command this is: {name!r} must be a text.")
    return value
