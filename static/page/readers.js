// @ts-check
/** Who has read a message, and when. */

import { openDialog } from "./dialogs.js";
import { fill, h } from "./dom.js";
import { personIn } from "./list.js";
import { momentOf, problem, say, since } from "./words.js";

/** @import { KnownChat, Store } from "./store.js" */

/** Changes in one look at the chat's log. */
const LOOK = 500;

/** @param {Store} store @param {KnownChat} chat @param {any} message */
export async function openReaders(store, chat, message) {
  const body = h("div", { class: "info" }, h("p", { class: "hint" }, say("loading")));
  openDialog(say("who_read"), [body]);
  try {
    const [status, times] = await Promise.all([
      store.client.messageStatus(message.id),
      timesOf(store, chat.id, message),
      chat.members ? null : store.refresh(chat.id),
    ]);
    const names = await Promise.all(status.read_by.map((/** @type {string} */ uuid) => store.people.nameByUuid(uuid)));
    const ids = status.read_by.map((/** @type {string} */ uuid) => store.people.idOf(uuid));
    const readers = ids.map((/** @type {number} */ id, /** @type {number} */ at) => {
      const time = times.get(id) ?? (at === 0 ? status.read_at : null);
      return personRow(store, id, names[at], time);
    });
    const members = store.chats.get(chat.id)?.members ?? [];
    const others = members.filter(({ user_id: id }) => id !== message.author_id && !ids.includes(id));
    fill(
      body,
      readers.length ? h("ul", { class: "people", "aria-label": say("who_read") }, readers) : h("p", { class: "hint" }, say("read_by_nobody")),
      others.length > 0 && h("h3", {}, say("not_yet")),
      others.length > 0 && h("ul", { class: "people", "aria-label": say("not_yet") }, others.map(({ user_id: id, name }) => personRow(store, id, name, null))),
    );
  } catch (error) {
    fill(body, h("p", { class: "hint", role: "alert" }, problem(error)));
  }
}

/** @param {Store} store @param {number} id @param {string} name @param {string | null} time */
function personRow(store, id, name, time) {
  const person = personIn({ id, name, username: store.people.usernameOf(id) });
  return h("li", { class: "row" }, person, time && h("time", { class: "when", datetime: time, title: momentOf(time) }, since(time)));
}

/** When people read it, as the log of the chat tells; the status tells only of the first. @param {Store} store @param {number} chatId @param {any} message */
async function timesOf(store, chatId, message) {
  /** @type {Map<number, string>} */ const times = new Map();
  try {
    const { events } = await store.client.events(chatId, { afterSeq: message.seq, limit: LOOK });
    for (const { event, data } of events) {
      if (event === "message.read" && data.message_id === message.id) times.set(data.user_id, data.read_at);
    }
  } catch {
    // Then it is said who has read it, and not when.
  }
  return times;
}
