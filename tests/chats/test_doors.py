"""`chat_for` and `message_for` are the only doors, and a closed one tells nothing."""

from uuid import UUID, uuid4

from accounts.models import User
from chats.models import Chat
from chats.selectors import Place, chat_for, last_seqs, places
from chats.services import (
    add_member,
    create_chat,
    delete_chat,
    join_chat,
    leave_chat,
    remove_member,
)
from messaging.reading import read_message
from messaging.selectors import message_for
from messaging.services import (
    add_reaction,
    delete_message,
    edit_message,
    remove_reaction,
    send_message,
)
from messenger.ids import MAX_ID, parse_ref, uuid7
from tests.chats.helpers import refusal


def test_a_member_comes_in_by_id_and_by_uuid(alice: User, bob: User, group: Chat) -> None:
    for ref in (group.id, group.uuid):
        door = chat_for(alice, ref)
        assert (door.chat, door.user_id, door.role) == (group, alice.id, "owner")
    assert chat_for(bob, group.id).role == "member"


def test_missing_foreign_deleted_and_left_chats_are_the_same_answer(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    foreign = create_chat(charlie, kind="group", name="Foreign")
    private = create_chat(alice, kind="private", members=[charlie])
    deleted = create_chat(alice, kind="group", name="Deleted", members=[bob])
    left = create_chat(alice, kind="group", name="Left", members=[bob])
    removed = create_chat(alice, kind="group", name="Removed", members=[bob])
    delete_chat(alice, deleted)
    leave_chat(bob, left)
    remove_member(alice, chat=removed, user=bob)
    refs: list[int | UUID] = [-1, 0, MAX_ID, uuid4()]
    for chat in (foreign, private, deleted, left, removed):
        refs += [chat.id, chat.uuid]
    answers = {refusal(chat_for, bob, ref) for ref in refs}
    answers |= {refusal(send_message, bob, chat=ref, content="x") for ref in refs}
    answers |= {refusal(join_chat, bob, chat) for chat in (private, deleted)}
    answers |= {refusal(leave_chat, bob, chat) for chat in (foreign, deleted)}
    assert answers == {b'{"code":"not_found","detail":"Not found."}'}


def test_missing_foreign_and_left_messages_are_the_same_answer(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    message = send_message(alice, chat=group.id, content="x").message
    leave_chat(bob, group)
    answers = set()
    for person in (bob, charlie):
        for ref in (message.id, UUID(message.uuid), -1, MAX_ID, uuid4()):
            answers |= {
                refusal(message_for, person, ref),
                refusal(edit_message, person, message=ref, content="y"),
                refusal(delete_message, person, message=ref),
                refusal(read_message, person, message=ref),
                refusal(add_reaction, person, message=ref, emoji="👍"),
                refusal(remove_reaction, person, message=ref, emoji="👍"),
            }
    assert answers == {b'{"code":"not_found","detail":"Not found."}'}


def test_a_message_of_a_deleted_chat_is_not_found_even_by_its_author(
    alice: User, group: Chat
) -> None:
    message = send_message(alice, chat=group.id, content="x").message
    assert message_for(alice, UUID(message.uuid)).id == message.id
    delete_chat(alice, group)
    assert b"not_found" in refusal(message_for, alice, message.id)
    assert b"not_found" in refusal(delete_message, alice, message=message.id)
    assert b"not_found" in refusal(read_message, alice, message=message.id)


def test_places_are_the_living_chats_of_a_person_with_their_seqs(
    alice: User, bob: User, charlie: User, group: Chat
) -> None:
    gone = create_chat(bob, kind="group", name="Gone")
    delete_chat(bob, gone)
    send_message(alice, chat=group.id, content="x")
    add_member(alice, chat=group, user=charlie)
    send_message(alice, chat=group.id, content="y")
    assert places([bob.id, charlie.id, -1]) == {
        bob.id: {group.id: Place(joined_seq=1, last_seq=4)},
        charlie.id: {group.id: Place(joined_seq=3, last_seq=4)},
        -1: {},
    }
    assert last_seqs([group.id, gone.id, -1]) == {group.id: 4, gone.id: 2}


def test_an_id_is_an_integer_or_a_uuid_in_its_plain_form() -> None:
    forms: list[tuple[object, object]] = [
        (5, 5),
        ("5", 5),
        ("005", 5),
        (MAX_ID, MAX_ID),
        (MAX_ID + 1, -1),
        (str(MAX_ID + 1), -1),
        (-5, -1),
        ("-5", None),
        ("٥", None),
        ("1_0", None),
        ("", None),
        ("9" * 101, None),
        (True, None),
        (5.0, None),
        (None, None),
        ([5], None),
        ("01890a5dac96774bbcceb302099a8057", UUID("01890a5d-ac96-774b-bcce-b302099a8057")),
        ("01890A5D-AC96-774B-BCCE-B302099A8057", UUID("01890a5d-ac96-774b-bcce-b302099a8057")),
        ("{01890a5d-ac96-774b-bcce-b302099a80}", None),
        ("01890a5d-ac96-774b-bcce-b302099a805g", None),
    ]
    assert [(value, parse_ref(value)) for value, _ in forms] == forms


def test_uuids_sort_by_the_time_of_making() -> None:
    made = [uuid7() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {(uuid.version, uuid.variant) for uuid in made} == {(7, "specified in RFC 4122")}
    times = [uuid.int >> 80 for uuid in made]
    assert times == sorted(times)
