// @ts-check
/** What there is to know of a chat: who is in it, and what may be done about that. */

import { openDialog } from "./dialogs.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { deleteChat, groupFields, groupForm, leaveChat, linkTo, talkTo, tried } from "./chats.js";
import { face } from "./faces.js";
import { finder } from "./finder.js";
import { personIn } from "./list.js";
import { openMenu } from "./menus.js";
import { actionsAbout } from "./moderators.js";
import { counted, dayOf, lengthOfTime, say } from "./words.js";

/** @import { KnownChat, Store } from "./store.js" */
/** @typedef {{store: Store, tell: (text: string) => void}} World `tell` says something in passing */

/** Seconds; none is off. */
const SLOW_MODES = [0, 5, 10, 30, 60, 300, 3_600];

/** @param {World} world @param {KnownChat} chat */
export function openInfo(world, { id, type }) {
  const { store, tell } = world;
  const body = h("div", { class: "info" });
  const chatNow = () => store.chats.get(id);
  const paint = () => {
    const chat = chatNow();
    if (!chat) return close();
    const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest("[data-focus]"))?.dataset.focus;
    fill(body, type === "group" ? groupIn(world, chat, close) : personPart(world, chat, close));
    if (focused) body.querySelector(`[data-focus="${focused}"]`)?.focus();
  };
  const offs = [
    store.on("chats", (/** @type {number | null} */ changed) => (changed === id || changed === null) && paint()),
    store.people.on("here", paint),
    store.people.on("name", paint),
    store.blocks.on("change", paint),
  ];
  const title = type === "group" ? say("group_info") : say("person_info");
  const { close } = openDialog(title, [body], { class: "tall", onclose: () => offs.forEach((off) => off()) });
  paint();
  store.refresh(id).then(paint, () => {});
  return { close, tell };
}

/** @param {World} world @param {KnownChat} chat @param {() => void} close */
function personPart({ store, tell }, chat, close) {
  const { partner } = chat;
  const remove = async () => (await deleteChat(store, chat, tell)) && close();
  return [
    heading(chat.name, partner?.id ?? null, partner ? store.people.statusOf(partner.id) : ""),
    partner && h("p", { class: "quiet" }, `@${partner.username}`),
    partner && h("div", { class: "actions" }, actionsAbout(store, { id: partner.id, name: chat.name }, chat.id, tell).map(buttonOf)),
    h("div", { class: "actions" }, action("trash", "delete_chat", remove, true)),
  ];
}

/** @param {World} world @param {KnownChat} chat @param {() => void} close */
function groupIn(world, chat, close) {
  const { store, tell } = world;
  const owns = chat.role === "owner";
  const leave = async () => (await leaveChat(store, chat, tell)) && close();
  const remove = async () => (await deleteChat(store, chat, tell)) && close();
  const copy = () => navigator.clipboard?.writeText(linkTo(chat)).then(() => tell(say("copied")), () => tell(linkTo(chat)));
  return [
    heading(chat.name, chat.id, `${counted("members", chat.members_count)} · ${say(chat.is_open ? "open_to_all" : "by_invitation")}`),
    chat.description && h("p", { class: "described", dir: "auto" }, chat.description),
    h("p", { class: "quiet" }, say("made_on", { day: dayOf(chat.created_at) })),
    chat.slow_mode > 0 && h("p", { class: "quiet" }, say("slow_mode_on", { time: lengthOfTime(chat.slow_mode) })),
    h(
      "div",
      { class: "actions" },
      owns && action("edit", "change_group", () => changeGroup(world, chat)),
      owns && action("person", "add_people", () => addPeople(world, chat)),
      chat.is_open && action("link", "copy_link", copy),
    ),
    h("h3", {}, say("members_title")),
    h("ul", { class: "people", "aria-label": say("members_title") }, (chat.members ?? []).map((member) => memberIn(world, chat, member, close))),
    h("div", { class: "actions" }, action("leave", "leave_group", leave, true), owns && action("trash", "delete_chat", remove, true)),
  ];
}

/** @param {string} name @param {number | null} id @param {string} status */
const heading = (name, id, status) => h("div", { class: "who" }, face(name, id), h("div", {}, h("b", { dir: "auto" }, name), h("span", { class: "quiet" }, status)));

/** @param {string} picture @param {string} word @param {() => void} run @param {boolean} [danger] */
const action = (picture, word, run, danger = false) =>
  h("button", { type: "button", class: danger ? "button danger" : "button", "data-focus": word, onclick: run }, icon(picture), say(word));

/** @param {any} item of a menu */
const buttonOf = ({ id, icon: picture, label, danger, run }) =>
  h("button", { type: "button", class: danger ? "button danger" : "button", "data-focus": id, onclick: run }, icon(picture), label);

/** @param {number} now seconds */
function slowModes(now) {
  const choices = [...new Set([...SLOW_MODES, now])].sort((one, other) => one - other);
  const options = choices.map((seconds) => h("option", { value: seconds, selected: seconds === now }, seconds ? lengthOfTime(seconds) : say("slow_mode_off")));
  return h("label", {}, say("slow_mode"), h("select", { name: "slow_mode" }, options));
}

/** @param {World} world @param {KnownChat} chat @param {any} member @param {() => void} close */
function memberIn(world, chat, member, close) {
  const { store } = world;
  const own = member.user_id === store.userId;
  const name = member.name || member.username;
  const here = own ? undefined : store.people.hereOf(member.user_id);
  const label = say("member_menu", { name });
  const more = iconButton("more", label, {
    "aria-haspopup": "menu",
    "data-focus": `member ${member.user_id}`,
    onclick: () => openMenu(more, label, actionsOn(world, chat, member, close)),
  });
  return h(
    "li",
    { class: "row", "data-member": member.user_id },
    personIn({ id: member.user_id, name, username: member.username }, here?.status),
    member.role === "owner" && h("span", { class: "role" }, say("owner")),
    own ? h("span", { class: "role" }, say("you")) : more,
  );
}

/** @param {World} world @param {KnownChat} chat @param {any} member @param {() => void} close */
function actionsOn({ store, tell }, chat, member, close) {
  const { client } = store;
  const id = member.user_id;
  const isOwner = member.role === "owner";
  const write = { label: say("write"), icon: "send", run: () => tried(talkTo(store, { id }), tell).then((done) => done && close()) };
  const about = actionsAbout(store, { id, name: member.name || member.username }, chat.id, tell);
  if (chat.role !== "owner") return [write, ...about];
  const role = isOwner ? "member" : "owner";
  return [
    write,
    { label: say(isOwner ? "make_member" : "make_owner"), icon: "person", run: () => tried(client.setRole(chat.id, id, role), tell) },
    { label: say("remove_member"), icon: "close", danger: true, run: () => tried(client.removeMember(chat.id, id), tell) },
    ...about,
  ];
}

/** @param {World} world @param {KnownChat} chat */
function changeGroup({ store }, chat) {
  const form = groupForm(say("save"), chat);
  form.insertBefore(slowModes(chat.slow_mode), form.lastElementChild);
  form.addEventListener("submit", async (/** @type {Event} */ e) => {
    e.preventDefault();
    const changes = { ...groupFields(form), slowMode: Number(form.elements.slow_mode.value) };
    if (await tried(store.client.updateChat(chat.id, changes), wrong)) close();
  });
  const { close, say: wrong } = openDialog(say("change_group"), [form]);
  form.elements.name.focus();
}

/** @param {World} world @param {KnownChat} chat */
function addPeople({ store }, chat) {
  const inIt = (/** @type {number} */ id) => Boolean(store.chats.get(chat.id)?.members?.some(({ user_id }) => user_id === id));
  const people = finder(store, { several: true, without: inIt });
  const add = async () => {
    for (const id of people.chosen.keys()) {
      if (!(await tried(store.client.addMember(chat.id, id), wrong))) return people.again();
    }
    close();
  };
  const button = h("button", { type: "button", class: "button primary", onclick: add }, say("add"));
  const { close, say: wrong } = openDialog(say("add_people"), [people.element, h("div", { class: "actions" }, button)], { class: "tall" });
  people.field.focus();
}
