// @ts-check
/** Where it begins: the client, the models fed by it, the views of them, addresses and keys. */

import { clientOf } from "./access.js";
import { openData } from "./account.js";
import { newChat, talkTo, tried } from "./chats.js";
import { Conversation, isLookedAt } from "./conversation.js";
import { byId, fill, h, icon } from "./dom.js";
import { Drafts, Kept } from "./kept.js";
import { ChatList } from "./list.js";
import { openDialogs } from "./menus.js";
import { brief } from "./message.js";
import { Notifications, tell, watchConnection, watchUnread } from "./notices.js";
import { Store } from "./store.js";
import { say } from "./words.js";

/** Milliseconds without a key or a move, or out of sight, after which somebody is away. */
const IDLE = 300_000;
const OUT_OF_SIGHT = 60_000;

const { access = "", csrf = "", signIn = "", person = "" } = document.body.dataset;
const app = byId("app");
for (const button of document.querySelectorAll("[data-icon]")) button.prepend(icon(button.getAttribute("data-icon") ?? ""));

const { client, notices } = clientOf({ access, csrf });
const kept = new Kept(Number(person));
const drafts = new Drafts(kept);
const store = new Store(client, kept, notices);
/** @type {Conversation | null} */ let conversation = null;

const list = new ChatList({
  store,
  drafts,
  list: byId("list"),
  search: byId("search"),
  onperson: (someone) => tried(talkTo(store, someone), tell).then(() => list.search.value && list.clear()),
});
const notifications = new Notifications({ kept, button: byId("notify"), open: (id) => (location.hash = `chat-${id}`) });

// --- addresses: #chat-5 --------------------------------------------------------------------------

/** Whether the list is behind the chat, for going back to it. */
let cameFromList = false;
let wasAtList = !location.hash;

function route() {
  if (!conversation) return;
  const wanted = /^#chat-(\d{1,15})$/.exec(location.hash);
  const chatId = wanted ? Number(wanted[1]) : null;
  cameFromList = wasAtList && chatId !== null;
  wasAtList = chatId === null;
  const known = chatId !== null && store.chats.has(chatId);
  app.dataset.pane = chatId === null ? "list" : "chat";
  byId("opened").hidden = !known;
  byId("nothing").hidden = known;
  list.setCurrent(chatId);
  if (chatId !== null && known) {
    const isNew = conversation.chatId !== chatId;
    conversation.open(chatId);
    if (isNew && !matchMedia("(pointer: coarse)").matches) conversation.composer.focus();
  } else {
    conversation.leave();
    paintNothing(chatId);
  }
}

/** Instead of a chat. @param {number | null} chatId of one that this person is not in */
function paintNothing(chatId) {
  const back = h("a", { href: "#", class: "button only-narrow" }, say("back"));
  if (chatId === null) return fill(byId("nothing"), h("p", {}, say("choose_chat")));
  const join = async () => {
    if (await tried(client.join(chatId).then((chat) => store.adopt(chat)), tell)) route();
  };
  const button = h("button", { type: "button", class: "button primary", onclick: join }, say("join"));
  fill(byId("nothing"), h("p", {}, say("not_in_chat")), h("p", { class: "actions" }, button, back));
}

function goBack() {
  if (cameFromList) return history.back();
  history.replaceState(null, "", location.pathname + location.search);
  route();
}

function closeChat() {
  const chatId = conversation?.chatId ?? null;
  goBack();
  // Going back in history takes a moment.
  setTimeout(() => list.focus(chatId), 50);
}

addEventListener("hashchange", route);
byId("back").addEventListener("click", closeChat);
byId("new").addEventListener("click", () => newChat(store));
byId("data").addEventListener("click", () => openData(client));

// --- what happens --------------------------------------------------------------------------------

client.on("synced", () => {
  conversation ??= new Conversation({ store, kept, drafts });
  conversation.composer.on("draft", () => list.soon());
  conversation.leave();
  route();
});
let wasOnline = false;
client.on("state", ({ state }) => {
  if (state !== "online") return;
  if (wasOnline) store.people.askAgain();
  wasOnline = true;
});
store.on("chats", (id) => {
  // One that this person has just come into.
  const wanted = conversation && conversation.chatId === null && location.hash === `#chat-${id}`;
  if (wanted && store.chats.has(id)) route();
});
store.on("gone", (chat) => {
  if (conversation?.chatId !== chat.id) return;
  tell(say("chat_gone", { name: chat.name }));
  history.replaceState(null, "", location.pathname + location.search);
  route();
});
store.on("message", (chat, message) => {
  if (isLookedAt()) return;
  const name = store.people.nameOf(message.author_id);
  notifications.show(chat, chat.type === "group" ? `${name}, ${chat.name}` : name, brief(message));
});
client.on("signedOut", () => location.assign(signIn));
client.on("banned", () => location.assign(signIn));

// --- presence ------------------------------------------------------------------------------------

/** @type {any} */ let idle = 0;

function present() {
  clearTimeout(idle);
  idle = setTimeout(() => client.setPresence("away"), IDLE);
  client.setPresence("online");
}
for (const name of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"]) {
  addEventListener(name, present, { passive: true });
}
document.addEventListener("visibilitychange", () => {
  clearTimeout(idle);
  if (document.visibilityState === "visible") present();
  else idle = setTimeout(() => client.setPresence("away"), OUT_OF_SIGHT);
});

// --- keys ----------------------------------------------------------------------------------------

/** @param {KeyboardEvent} e */
function key(e) {
  if (openDialogs().length || document.querySelector(":popover-open")) return;
  const target = /** @type {HTMLElement} */ (e.target);
  const writes = target.matches("input, textarea, select");
  if ((e.ctrlKey || e.metaKey) && e.code === "KeyK") {
    e.preventDefault();
    if (app.dataset.pane === "chat" && getComputedStyle(byId("chats")).display === "none") goBack();
    setTimeout(() => byId("search").focus(), 50);
  } else if (e.key === "Escape" && conversation?.chatId) {
    // From a message to the field; from the field out of the chat.
    target.closest("#log") ? conversation.composer.focus() : closeChat();
  } else if (e.key.length === 1 && e.key !== " " && !e.ctrlKey && !e.metaKey && !e.altKey && !writes && conversation?.chatId) {
    conversation.composer.focus();
  }
}
document.addEventListener("keydown", key);

watchConnection(client);
watchUnread(store);
client.connect().catch(() => {});
