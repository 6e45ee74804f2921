// @ts-check
/** What keeps others away: a word to the moderators, and blocks. And a word against a decision. */

import { tried } from "./chats.js";
import { confirmed, openDialog } from "./dialogs.js";
import { h } from "./dom.js";
import { problem, say } from "./words.js";

/** @import { Store } from "./store.js" */
/** @typedef {{id: number, name: string}} Person */
/** @typedef {(text: string) => void} Tell says something in passing */

/** As the server has them. */
const REASONS = ["spam", "abuse", "hate", "violence", "sexual", "fraud", "other"];
const LONGEST = 1_000;

/** What can be done about somebody, for a menu. @param {Store} store @param {Person} person @param {number | null} chatId where they are met @param {Tell} tell */
export function actionsAbout(store, person, chatId, tell) {
  if (person.id === store.userId || store.tellsNotices(person.id)) return [];
  const blocked = store.blocks.has(person.id);
  return [
    { id: "report", label: say("report"), icon: "flag", danger: true, run: () => reportPerson(store, person, chatId, tell) },
    { id: "block", label: say(blocked ? "unblock" : "block"), icon: "block", danger: !blocked, run: () => changeBlock(store, person, tell) },
  ];
}

/** Block somebody or take it back, if that is what this person wants. @param {Store} store @param {Person} person @param {Tell} tell */
export async function changeBlock({ blocks }, { id, name }, tell) {
  const blocked = !blocks.has(id);
  const [title, text, action] = blocked ? ["block_title", "block_sure", "block"] : ["unblock_title", "unblock_sure", "unblock"];
  if (await confirmed({ title: say(title, { name }), text: say(text, { name }), action: say(action) })) {
    await tried(blocks.set(id, blocked), tell);
  }
}

/** @param {Store} store @param {any} message @param {Tell} tell */
export function reportMessage(store, message, tell) {
  openReport(store, { title: say("report_message"), hint: say("report_message_hint"), what: { messageId: message.id } }, tell);
}

/** @param {Store} store @param {Person} person @param {number | null} chatId @param {Tell} tell */
function reportPerson(store, { id, name }, chatId, tell) {
  const what = { userId: id, chatId: chatId ?? undefined };
  openReport(store, { title: say("report_person", { name }), hint: say("report_person_hint"), what }, tell);
}

/** @param {Store} store @param {{title: string, hint: string, what: any}} about @param {Tell} tell */
function openReport(store, { title, hint, what }, tell) {
  const reasons = REASONS.map((reason) =>
    h(
      "label",
      { class: "tick-box" },
      h("input", { type: "radio", name: "reason", value: reason, required: true }),
      h("span", {}, say(`reason_${reason}`)),
    ),
  );
  const parts = [
    h("fieldset", { class: "choices" }, h("legend", {}, say("report_why")), reasons),
    h("label", {}, say("report_comment"), h("textarea", { name: "comment", rows: 2, maxlength: LONGEST })),
    h("p", { class: "quiet" }, hint),
  ];
  const send = (/** @type {any} */ { reason, comment }) =>
    store.client.report({ ...what, reason: reason.value, comment: comment.value.trim() });
  openForm(title, parts, send, () => tell(say("report_sent")));
}

/** @param {Store} store @param {number} decisionId @param {Tell} tell */
export function openAppeal(store, decisionId, tell) {
  const parts = [
    h("label", {}, say("appeal_text"), h("textarea", { name: "text", rows: 5, required: true, maxlength: LONGEST })),
    h("p", { class: "quiet" }, say("appeal_hint")),
  ];
  const send = (/** @type {any} */ { text }) => store.appeals.make(decisionId, text.value.trim());
  openForm(say("appeal_title"), parts, send, () => tell(say("appeal_sent")));
}

/**
 * A dialog with a form that is sent, or not.
 * @param {string} title @param {Element[]} parts @param {(fields: any) => Promise<unknown>} send @param {() => void} done
 */
function openForm(title, parts, send, done) {
  const yes = h("button", { class: "button primary" }, say("send"));
  const no = h("button", { type: "button", class: "button", onclick: () => close() }, say("cancel"));
  const form = h("form", { class: "fields" }, parts, h("div", { class: "actions" }, no, yes));
  form.addEventListener("submit", async (/** @type {Event} */ e) => {
    e.preventDefault();
    yes.disabled = true;
    try {
      await send(form.elements);
      close();
      done();
    } catch (error) {
      wrong(problem(error));
    }
    yes.disabled = false;
  });
  const { close, say: wrong } = openDialog(title, [form]);
  form.querySelector("input, textarea").focus();
}
