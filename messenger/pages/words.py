"""What the messenger's script says, by the ids under which `static/page/words.js` asks for it."""

from collections.abc import Callable
from typing import Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from messenger.texts import Sentence
from moderation.models import Report

TEXTS: Final[dict[str, Sentence]] = {
    # The connection, and what went wrong.
    "connecting": _("Connecting…"),
    "reconnecting": _("The connection was lost. Connecting…"),
    "offline_notice": _("No connection. What you send goes out when it is back."),
    "no_connection": _("There is no connection."),
    "try_now": _("Try now"),
    "try_again": _("Try again"),
    "loading": _("Loading…"),
    "too_late": _("It may have been sent already."),
    # Lists of chats and people.
    "chats": _("Chats"),
    "people": _("People"),
    "searching": _("Searching…"),
    "nothing_found": _("Nothing found."),
    "find_people": _("Find people"),
    "no_chats": _("No chats yet. Start one with the button above."),
    "no_messages": _("No messages yet"),
    "draft": _("Draft:"),
    "choose_chat": _("Choose a chat, or start a new one."),
    "not_in_chat": _("You are not in this chat. If it is an open group, you can join it."),
    "chat_gone": _("You are no longer in “{name}”."),
    "join": _("Join"),
    "back": _("Back to the chats"),
    # Who is there.
    "online": _("online"),
    "away": _("away"),
    "offline": _("offline"),
    "last_seen": _("last seen {when}"),
    "just_now": _("just now"),
    "day_at": _("{day} at {time}"),
    "typing": _("typing…"),
    "typing_one": _("{name} is typing…"),
    "you": _("You"),
    "nobody": _("Somebody who has left"),
    # Messages, and what becomes of them.
    "sending": _("Sending"),
    "sent": _("Sent"),
    "delivered": _("Delivered"),
    "read": _("Read"),
    "failed": _("Not sent"),
    "edited": _("edited"),
    "deleted": _("Message deleted"),
    "unavailable": _("This message is not available"),
    "other_kind": _("A message of the kind “{type}”"),
    "new_messages": _("New messages"),
    "to_newest": _("To the newest messages"),
    "in_reply_to": _("In reply to"),
    "reactions": _("Reactions"),
    # The same in every language.
    "reaction": "{emoji}: {names}",
    # What can be done with them.
    "message_menu": _("Message menu"),
    "react": _("React"),
    "reply": _("Reply"),
    "copy": _("Copy the text"),
    "edit": _("Edit"),
    "delete": _("Delete"),
    "discard": _("Do not send"),
    "delete_message": _("Delete this message for everybody?"),
    "who_read": _("Who has read it"),
    "read_by_nobody": _("Nobody yet"),
    "not_yet": _("Not yet"),
    # Writing.
    "send": _("Send"),
    "save": _("Save"),
    "cancel": _("Cancel"),
    "close": _("Close"),
    "editing": _("Editing"),
    "reply_to": _("Reply to {name}"),
    "choose_emoji": _("Choose an emoji"),
    "emoji_recent": _("Recently used"),
    "emoji_faces": _("Faces"),
    "emoji_people": _("People and hands"),
    "emoji_hearts": _("Hearts and stars"),
    "emoji_nature": _("Nature"),
    "emoji_food": _("Food"),
    "emoji_things": _("Things"),
    "emoji_signs": _("Signs"),
    # Chats, and who is in them.
    "new_chat": _("New chat"),
    "new_group": _("New group"),
    "create": _("Create"),
    "name": _("Name"),
    "description": _("Description"),
    "open_group": _("Open: who has the link may join"),
    "chat_menu": _("Chat menu"),
    "group_info": _("About the group"),
    "person_info": _("About the person"),
    "open_to_all": _("open to all"),
    "by_invitation": _("by invitation"),
    "made_on": _("Created: {day}"),
    "members_title": _("Members"),
    "member_menu": _("Menu: {name}"),
    "owner": _("owner"),
    "write": _("Write a message"),
    "make_owner": _("Make an owner"),
    "make_member": _("Make an ordinary member"),
    "remove_member": _("Remove from the group"),
    "change_group": _("Change the group"),
    "add_people": _("Add people"),
    "add": _("Add"),
    "copy_link": _("Copy the link"),
    "copied": _("Copied."),
    "leave_group": _("Leave the group"),
    "leave": _("Leave"),
    "leave_sure": _("You will not see “{name}” any more."),
    "delete_chat": _("Delete the chat"),
    "delete_chat_sure": _("“{name}” will be gone for everybody, with all its messages."),
    "slow_mode": _("Slow mode: between two messages of a member"),
    "slow_mode_off": _("no wait"),
    "slow_mode_on": _("Slow mode: {time} between two messages of a member"),
    # What is not let through, for now or at all.
    "muted_until": _("You can read but not write until {when}."),
    "slow_until": _("Slow mode: the next message can be sent {when}."),
    "awaits_review": _("Waits for a moderator"),
    "rewrite": _("Change the text"),
    # A word to the moderators.
    "report": _("Report…"),
    "report_message": _("Report this message"),
    "report_person": _("Report: {name}"),
    "report_why": _("What is wrong?"),
    **{
        f"reason_{reason.value}": reason.label
        for reason in Report.Reason
        if reason is not Report.Reason.RULE
    },
    "report_comment": _("What moderators should know"),
    "report_message_hint": _(
        "Moderators see the message and a few around it, as they are now."
        " Nobody else learns who reported it."
    ),
    "report_person_hint": _(
        "Moderators see who it is, and what they last wrote in this chat if it is one of yours."
        " Nobody else learns who reported them."
    ),
    "report_sent": _("Thank you. Moderators will look at it."),
    # Blocks.
    "block": _("Block"),
    "unblock": _("Unblock"),
    "block_title": _("Block {name}?"),
    "block_sure": _(
        "Neither of you can write to the other in private, or see whether the other is online."
        " In groups you still read each other. {name} is not told."
    ),
    "unblock_title": _("Unblock {name}?"),
    "unblock_sure": _(
        "You can write to each other in private again, and see whether the other is online."
    ),
    "blocked": _("You have blocked this person."),
    # What moderators tell, and what can be said to that.
    "notices_only": _("These are notices. Nobody reads answers to them."),
    "appeal": _("Appeal…"),
    "appeal_title": _("Appeal against this decision"),
    "appeal_text": _("Why the decision is wrong"),
    "appeal_hint": _("Another moderator reads it and decides. You can appeal once."),
    "appeal_sent": _("Your appeal was sent. You are told here what comes of it."),
    "appeal_made": _("You have appealed."),
    # One's own data.
    "my_data": _("My data"),
    "export": _("Download all of it"),
    "export_hint": _(
        "Everything that is kept about you: your account, your chats, your messages, what you"
        " reported and what was decided about you. One file, in JSON."
    ),
    "delete_account": _("Delete my account…"),
    "delete_account_title": _("Delete my account"),
    "delete_account_hint": _("For good: nobody can bring it back."),
    "delete_account_sure": _(
        "Your name, username, e-mail and password are deleted, you leave your groups and are"
        " signed out everywhere. Nobody can bring the account back."
    ),
    "delete_messages": _("Delete what I wrote, too"),
    "delete_messages_hint": _(
        "Otherwise your messages stay in the chats, from “Deleted account”, so that what others"
        " answered can be understood."
    ),
    "your_password": _("Your password"),
    "delete_for_ever": _("Delete for ever"),
    # Notifications.
    "notify_on": _("Turn on notifications"),
    "notify_off": _("Turn off notifications"),
    "notify_denied": _("The browser blocks notifications"),
}

COUNTED: Final[dict[str, Callable[[int], str]]] = {
    "unread": lambda n: ngettext("{number} unread message", "{number} unread messages", n),
    "members": lambda n: ngettext("{number} member", "{number} members", n),
    "typing_more": lambda n: ngettext(
        "{name} and {number} other are typing…", "{name} and {number} others are typing…", n
    ),
    "too_long": lambda n: ngettext(
        "The text has {number} character; a message has no more than {most}.",
        "The text has {number} characters; a message has no more than {most}.",
        n,
    ),
    "send_parts": lambda n: ngettext("Send as {number} message", "Send as {number} messages", n),
}
# One number for each form that a language of ours has: one, few, many.
SAMPLES: Final = (1, 2, 5)


def words() -> dict[str, str | list[str]]:
    """All of them in the language that is active: a text, or its forms for one, few and many."""
    texts: dict[str, str | list[str]] = {id: str(text) for id, text in TEXTS.items()}
    return texts | {id: [form(number) for number in SAMPLES] for id, form in COUNTED.items()}
