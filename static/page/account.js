// @ts-check
/** What is kept about this person: to take along, and to have deleted. */

import { byId, h } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { tried } from "./chats.js";
import { problem, say } from "./words.js";

/** @param {any} client */
export function openData(client) {
  const download = h("button", { type: "button", class: "button", onclick: () => save() }, say("export"));
  const save = async () => {
    download.disabled = true;
    await tried(client.exportData().then(saveAsFile), wrong);
    download.disabled = false;
  };
  const remove = h("button", { type: "button", class: "button danger", onclick: () => (close(), openDeletion(client)) }, say("delete_account"));
  const { close, say: wrong } = openDialog(say("my_data"), [
    h("p", {}, say("export_hint")),
    h("div", { class: "actions" }, download),
    h("h3", {}, say("delete_account_title")),
    h("p", {}, say("delete_account_hint")),
    h("div", { class: "actions" }, remove),
  ]);
}

/** @param {unknown} data */
function saveAsFile(data) {
  const text = JSON.stringify(data, null, 2);
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const day = new Date().toISOString().slice(0, 10);
  h("a", { href: address, download: `messenger-${day}.json` }).click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** @param {any} client */
function openDeletion(client) {
  const password = h("input", { type: "password", name: "password", required: true, autocomplete: "current-password", maxlength: 4096 });
  const messages = h("input", { type: "checkbox", name: "messages" });
  const yes = h("button", { class: "button danger" }, say("delete_for_ever"));
  const form = h(
    "form",
    { class: "fields" },
    h("p", {}, say("delete_account_sure")),
    h("label", { class: "tick-box" }, messages, h("span", {}, say("delete_messages"))),
    h("p", { class: "quiet" }, say("delete_messages_hint")),
    h("label", {}, say("your_password"), password),
    h("div", { class: "actions" }, h("button", { type: "button", class: "button", onclick: () => close() }, say("cancel")), yes),
  );
  form.addEventListener("submit", async (/** @type {Event} */ e) => {
    e.preventDefault();
    yes.disabled = true;
    // The socket would be closed before the answer is here, and the page gone to the door.
    client.close();
    try {
      await client.deleteAccount(password.value, { messages: messages.checked });
      byId("sign-out").submit();
    } catch (error) {
      client.connect().catch(() => {});
      wrong(problem(error));
      yes.disabled = false;
      password.select();
    }
  });
  const { close, say: wrong } = openDialog(say("delete_account_title"), [form]);
  password.focus();
}
