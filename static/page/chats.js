// @ts-check
/** Making chats, and going away from them. */

import { h, icon } from "./dom.js";
import { confirmed, openDialog } from "./dialogs.js";
import { finder } from "./finder.js";
import { problem, say } from "./words.js";

/** @import { KnownChat, Store } from "./store.js" */

/** As the server has them. */
export const LONGEST_NAME = 100;
export const LONGEST_DESCRIPTION = 1_000;

/** @param {number} id */
export const goTo = (id) => (location.hash = `chat-${id}`);

/** The private chat with somebody, a new one if need be. @param {Store} store @param {{id: number}} person */
export async function talkTo(store, person) {
  const known = store.privateWith(person.id);
  if (known) return void goTo(known.id);
  const chat = await store.client.createChat({ type: "private", userIds: [person.id] });
  store.adopt(chat);
  goTo(chat.id);
}

/** @param {Store} store */
export function newChat(store) {
  const group = h("button", { type: "button", class: "row wide", onclick: () => (close(), newGroup(store)) }, icon("group"), say("new_group"));
  const people = finder(store, {
    onpick: (person) => talkTo(store, person).then(close, (error) => tell(problem(error))),
  });
  const { close, say: tell } = openDialog(say("new_chat"), [group, people.element], { class: "tall" });
  people.field.focus();
}

/** @param {Store} store */
export function newGroup(store) {
  const form = groupForm(say("create"));
  const people = finder(store, { several: true });
  form.addEventListener("submit", async (/** @type {Event} */ e) => {
    e.preventDefault();
    const { name, description, isOpen } = groupFields(form);
    try {
      const chat = await store.client.createChat({ type: "group", name, description, isOpen, userIds: [...people.chosen.keys()] });
      store.adopt(chat);
      close();
      goTo(chat.id);
    } catch (error) {
      tell(problem(error));
    }
  });
  form.insertBefore(people.element, form.lastElementChild);
  const { close, say: tell } = openDialog(say("new_group"), [form], { class: "tall" });
  form.elements.name.focus();
}

/** Name, description and openness of a group. @param {string} action @param {{name?: string, description?: string, is_open?: boolean}} [chat] @returns {any} */
export function groupForm(action, { name = "", description = "", is_open: isOpen = false } = {}) {
  const open = h("input", { type: "checkbox", name: "open" });
  open.checked = isOpen;
  return h(
    "form",
    { class: "fields" },
    h("label", {}, say("name"), h("input", { name: "name", required: true, maxlength: LONGEST_NAME, autocomplete: "off", value: name })),
    h("label", {}, say("description"), h("textarea", { name: "description", rows: 2, maxlength: LONGEST_DESCRIPTION, value: description })),
    h("label", { class: "tick-box" }, open, h("span", {}, say("open_group"))),
    h("div", { class: "actions" }, h("button", { class: "button primary" }, action)),
  );
}

/** @param {any} form @returns {{name: string, description: string, isOpen: boolean}} */
export function groupFields(form) {
  const { name, description, open } = form.elements;
  return { name: name.value.trim(), description: description.value.trim(), isOpen: open.checked };
}

/** Whether it was done. @param {Store} store @param {KnownChat} chat @param {(text: string) => void} tell */
export async function leaveChat(store, chat, tell) {
  const question = { title: say("leave_group"), text: say("leave_sure", { name: chat.name }), action: say("leave") };
  return (await confirmed(question)) && tried(store.client.leave(chat.id), tell);
}

/** Whether it was done. @param {Store} store @param {KnownChat} chat @param {(text: string) => void} tell */
export async function deleteChat(store, chat, tell) {
  const question = { title: say("delete_chat"), text: say("delete_chat_sure", { name: chat.name }), action: say("delete") };
  return (await confirmed(question)) && tried(store.client.deleteChat(chat.id), tell);
}

/** Whether it went well; what was wrong is told. @param {Promise<unknown>} work @param {(text: string) => void} tell */
export async function tried(work, tell) {
  try {
    await work;
    return true;
  } catch (error) {
    tell(problem(error));
    return false;
  }
}

/** @param {KnownChat} chat */
export const linkTo = (chat) => new URL(`#chat-${chat.id}`, location.href).href;
