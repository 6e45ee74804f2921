"""Whatever is in a frame: an answer or an error, and the socket lives; so do those of others."""

import json
from typing import Any

import orjson
import pytest

from accounts.models import User
from chats.models import Chat
from messenger.errors import every_error
from messenger.protocols import protocols
from messenger.protocols.base import Protocol
from messenger.realtime import consumer
from messenger.realtime.limits import FrameLimit
from messenger.realtime.threads import in_db
from tests.hostile import inputs
from tests.hostile.bystander import listening
from tests.hostile.places import CommandPlaces, commands
from tests.hostile.tally import OURS, tally
from tests.hostile.test_fields import some
from tests.people import make_user, token
from tests.project.authorisation import World
from tests.project.test_authorisation import knock
from tests.sockets import PATIENCE, Socket, miniapp

CODES = {error.code for error in every_error()} - OURS
JUNK_CODES = {"malformed", "too_large", "unknown_command", "invalid", "unknown_users"}
# Hostile frames until the socket is asked whether it lives. Malformed ones in a row end it.
BATCH = 40
each_protocol = pytest.mark.parametrize("protocol", protocols(), ids=lambda found: found.name)


async def lives(socket: Socket, chat: Chat) -> None:
    frame = {"action": "send_message", "chat_id": chat.id, "text": "still here"}
    await socket.ask(frame, action="message_sent")


# --- every place -----------------------------------------------------------------------------


class Attacker:
    """A socket of a protocol that sends what is hostile, and counts what comes back."""

    def __init__(self, protocol: Protocol, socket: Socket) -> None:
        self.protocol = protocol
        self.socket = socket
        self.unanswered = 0

    async def send(self, place: str, name: str, text: str) -> None:
        """One frame."""
        self.unanswered += 1
        tally.count("frames", f"{self.protocol.name} {place}", name)
        try:
            frame = orjson.loads(text)
        except ValueError:
            frame = None
        if isinstance(frame, dict) and isinstance(frame.get("request_id"), int | str):
            # The socket holds a command that is carried out against the documentation.
            self.socket.sent[frame["request_id"]] = frame
        await self.socket.send(text)

    async def settled(self, *, silent: bool = False) -> None:
        """
        The socket lives, and each frame was answered (or none of what is `silent` by a mistake of
        ours).
        """
        await self.socket.send(
            json.dumps({self.protocol.codec.name: "nonsense", "request_id": "beyond"})
        )
        beyond = False
        while not beyond or (self.unanswered and not silent):
            output = await self.socket.communicator.receive_output(PATIENCE)
            if output["type"] != "websocket.send":
                tally.lost += 1
            assert output["type"] == "websocket.send", output
            said = self.protocol.decode(self.socket._read(output["text"]))
            if said.command == "error":
                tally.answers[said.data["code"]] += 1
                assert said.data["code"] in CODES, said
                assert "Traceback" not in said.data["detail"]
            if said.request_id == "beyond":
                beyond = True
            elif said.command == "error" or said.request_id is not None:
                self.unanswered -= 1
        assert silent or not self.unanswered


def hostile_frames(
    places: CommandPlaces, ids: dict[str, Any], turn: int
) -> list[tuple[str, str, str]]:
    """(place, name, frame) for the inputs whose turn it is, each with a request_id of its own."""
    found = []
    for offset, place in enumerate(places.places):
        values = inputs.ALL_VALUES
        if place == places.protocol.codec.name:
            values = {f"command {name[:40]!r}": json.dumps(name) for name in inputs.COMMANDS}
            values = {**inputs.VALUES, **values}
        elif place == "request_id":
            values = {f"request_id {value[:40]}": value for value in inputs.REQUEST_IDS}
            values = {**inputs.VALUES, **values}
            # As if it were not there.
            del values["null"]
        for number, (name, value) in enumerate(some(values, turn + offset)):
            text = places.frame(ids, place, value)
            if place != "request_id":
                text = text.replace("{", f'{{"request_id": "{offset}-{number}", ', 1)
            found.append((f"{places.command} {place}", name, text))
    return found


@pytest.mark.usefixtures("unlimited")
@pytest.mark.once
@pytest.mark.parametrize("places", commands(), ids=lambda places: places.name)
async def test_each_part_of_each_command(world: World, places: CommandPlaces) -> None:
    bob, alice, group = (world.things[name] for name in ("bob", "alice", "group"))
    async with (
        listening(bob, group, alice) as bystander,
        await knock(places.protocol, world.tokens["owner"]) as socket,
    ):
        attacker = Attacker(places.protocol, socket)
        silent = not places.protocol.commands[places.command].answers()
        frames = hostile_frames(places, world.ids(), turn=len(places.name))
        for number, frame in enumerate(frames, 1):
            await attacker.send(*frame)
            if number % BATCH == 0 or number == len(frames):
                await attacker.settled(silent=silent)
                await bystander.still_hears()


@pytest.mark.usefixtures("unlimited")
@each_protocol
async def test_what_is_no_object_is_malformed_and_so_is_what_is_not_text(
    world: World, protocol: Protocol
) -> None:
    bob, alice, group = (world.things[name] for name in ("bob", "alice", "group"))
    async with (
        listening(bob, group, alice) as bystander,
        await knock(protocol, world.tokens["owner"]) as socket,
    ):
        attacker = Attacker(protocol, socket)
        for name, body in inputs.NO_OBJECTS.items():
            # Servers drop who sends a text that is none: see `test_wire.py`.
            await attacker.send("the frame", name, body.decode("utf-8", "replace"))
        await attacker.settled()
        await bystander.still_hears()
        for data in inputs.BINARY:
            attacker.unanswered += 1
            tally.count("frames", f"{protocol.name} the frame", f"binary {data[:40]!r}")
            await socket.communicator.send_input({"type": "websocket.receive", "bytes": data})
        await attacker.settled()


# --- the mini-app's, one by one --------------------------------------------------------------


@pytest.mark.usefixtures("unlimited")
async def test_junk_gets_an_error_and_the_socket_lives(alice: User, bob: User, group: Chat) -> None:
    async with miniapp(alice) as socket, miniapp(bob) as bystander:
        for junk in inputs.JUNK:
            error = await socket.ask(junk, action="error")
            assert error["code"] in JUNK_CODES and error["detail"], junk
            tally.count("frames", "miniapp", f"{junk!r:.40} {len(str(junk))}", error["code"])
            await lives(socket, group)
            await bystander.get(action="new_message")


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("field", ["chat_id", "message_id"])
async def test_a_bad_id_is_invalid_or_not_found_and_nothing_worse(
    alice: User, group: Chat, field: str
) -> None:
    action = {"chat_id": "send_message", "message_id": "message_read"}[field]
    async with miniapp(alice) as socket:
        for bad in inputs.BAD_IDS:
            error = await socket.ask({"action": action, field: bad, "text": "x"}, action="error")
            assert error["code"] in {"invalid", "not_found", "malformed"}, bad
            tally.count("frames", f"miniapp {field}", f"{bad!r:.40}", error["code"])
        await lives(socket, group)


async def test_a_text_that_can_not_be_a_message_is_refused(alice: User, group: Chat) -> None:
    async with miniapp(alice) as socket:
        for text in inputs.NO_TEXTS:
            await socket.ask(
                {"action": "send_message", "chat_id": group.id, "text": text}, action="error"
            )
        await lives(socket, group)


async def test_any_other_text_comes_back_as_it_went_in(alice: User, bob: User, group: Chat) -> None:
    async with miniapp(alice) as a, miniapp(bob) as b:
        for text in inputs.GOOD_TEXTS:
            await a.ask({"action": "send_message", "chat_id": group.id, "text": text})
            assert (await b.get(action="new_message"))["data"]["text"] == text


@pytest.mark.usefixtures("unlimited")
async def test_no_frame_reaches_what_is_inside_of_the_server(
    alice: User, bob: User, group: Chat
) -> None:
    """The words of servers and of the layer are no commands, wherever they stand."""
    async with miniapp(alice) as socket, miniapp(bob) as bystander:
        for word in inputs.COMMANDS:
            frame = {"type": word, "event": word, "code": 1000, "text": "x", "bytes": "x"}
            await socket.ask({"action": word, **frame}, action="error", code="unknown_command")
            # Beside a command that there is, they are nothing.
            sound = {"action": "send_message", "chat_id": group.id, "channel": word}
            await socket.ask({**frame, **sound}, action="message_sent")
            await bystander.get(action="new_message")


async def test_who_sends_nothing_but_junk_is_closed_with_4400(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "STRIKES", 5)
    async with miniapp(alice) as socket:
        for _ in range(5):
            await socket.send("junk")
        assert await socket.closed() == 4400


async def test_too_many_frames_are_refused_and_then_cut_off(
    alice: User, bob: User, group: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameLimit, "BURST", 5)
    monkeypatch.setattr(FrameLimit, "RATE", 0.001)
    async with listening(bob, group, alice), miniapp(alice) as socket:
        for _ in range(5):
            await socket.ask({"action": "x"}, action="error", code="unknown_command")
        await socket.ask({"action": "x"}, action="error", code="rate_limited")
        for _ in range(5):
            await socket.send({"action": "x"})
        assert await socket.closed() == 4429


async def test_a_stranger_can_not_tell_a_chat_from_none(charlie: User, group: Chat) -> None:
    async with miniapp(charlie) as socket:
        frame = {"action": "send_message", "text": "x"}
        there = await socket.ask({**frame, "chat_id": group.id}, action="error")
        nowhere = await socket.ask({**frame, "chat_id": 2**40}, action="error")
    assert there == nowhere


async def test_somebody_elses_token_does_not_make_a_socket_theirs(
    alice: User, bob: User, group: Chat
) -> None:
    """To sign in again, as somebody else, on an open socket."""
    mallorys = await in_db(make_mallory)
    for protocol in protocols():
        if "auth.refresh" not in protocol.commands:
            continue
        async with listening(bob, group, alice), await knock(protocol, mallorys) as socket:
            theirs = await in_db(token, alice)
            attacker = Attacker(protocol, socket)
            inside = protocol.codec.inside  # type: ignore[attr-defined]
            for word in (theirs, theirs[:-1], "", f"Bearer {theirs}", "null"):
                frame = {
                    protocol.codec.name: "auth.refresh",
                    inside: {"token": word, "user_id": alice.id},
                    "request_id": "mine",
                }
                name = f"another's token {word[:9]}"
                await attacker.send("auth.refresh token", name, json.dumps(frame))
                await attacker.settled()
            frame = {
                protocol.codec.name: "message.send",
                inside: {"chat_id": group.id, "content": "x", "author_id": alice.id},
                "request_id": "theirs",
            }
            await socket.send(frame)
            error = protocol.decode(await socket.until(request_id="theirs"))
            assert (error.command, error.data["code"]) == ("error", "not_found")


def make_mallory() -> str:
    return token(make_user("mallory"))
