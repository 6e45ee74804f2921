// @ts-check
/** How one message looks. What its buttons do is for who hears the clicks: `data-act` says which. */

import { fill, h, icon, iconButton, setAttribute, unseen } from "./dom.js";
import { isOnlyEmoji, linked, oneLine } from "./text.js";
import { listed, momentOf, numeral, problem, say, timeOf } from "./words.js";
import { face } from "./faces.js";

/** @import { Appeals } from "./appeals.js" */
/** @import { Entry } from "./timeline.js" */
/** @import { People } from "./people.js" */

/**
 * @typedef {object} Setting
 * @property {People} people
 * @property {number} userId
 * @property {boolean} isGroup
 * @property {Appeals} appeals
 * @property {(authorId: number | null) => boolean} tellsNotices
 */
/**
 * @typedef {object} Place
 * @property {boolean} first whether another author, or nobody, comes right before it
 * @property {boolean} last whether another author, or nobody, comes right after it
 * @property {any} quote the message it answers; null if that is not to be had, undefined if it is none or not here yet
 */

/** Picture and words for what has become of one's own message. */
const STATES = /** @type {Record<string, [string, string]>} */ ({
  pending: ["clock", "sending"],
  sent: ["tick", "sent"],
  delivered: ["tick", "delivered"],
  read: ["ticks", "read"],
  waiting: ["clock", "awaits_review"],
  failed: ["warning", "failed"],
});

/** Refusals that the same words would meet again. */
const FINAL = new Set(["content_rejected", "undeliverable"]);

/** @param {any} error for which a message was not sent */
export const canRetry = (error) => !FINAL.has(error?.code);

/** What became of one's own message, for a list of chats too. @param {string} state */
export function tickOf(state) {
  const [picture, word] = STATES[state];
  return h("span", { class: `tick tick-${state}`, role: "img", "aria-label": say(word), title: say(word) }, icon(picture));
}

/** A message in one line. @param {any} message */
export function brief(message) {
  if (message.is_deleted) return say("deleted");
  return oneLine(message.content ?? "") || say("other_kind", { type: message.type });
}

/** @param {HTMLElement} element an `article` @param {Entry} entry @param {Place} place @param {Setting} setting */
export function paintMessage(element, entry, place, setting) {
  const { message, state, key } = entry;
  const { people, userId, isGroup } = setting;
  const own = message.author_id === userId;
  const named = isGroup && !own;
  const failed = state === "failed";
  const notice = setting.tellsNotices(message.author_id);
  element.className = ["message", own ? "own" : "other", place.first && "first", place.last && "last", message.is_deleted && "gone", failed && "failed", notice && "notice-of"]
    .filter(Boolean)
    .join(" ");
  element.dataset.key = key;
  setAttribute(element, "data-id", entry.id);
  element.dataset.state = own ? state : "";
  const id = (/** @type {string} */ part) => `${part}-${key}`;
  element.setAttribute("aria-labelledby", `${id("by")} ${id("text")} ${id("meta")}`);
  const name = own ? say("you") : people.nameOf(message.author_id);
  const author = named && place.first
    ? h("div", { class: `author person-${(message.author_id ?? 0) % 6}`, id: id("by"), dir: "auto" }, name)
    : h("span", { class: "unseen", id: id("by") }, name);
  fill(
    element,
    named && h("span", { class: "beside" }, place.last && face(name, message.author_id)),
    h(
      "div",
      { class: "bubble" },
      author,
      message.reply_to_id !== null && quoteOf(message.reply_to_id, place.quote, setting),
      h("div", { class: "line-of" }, textOf(message, id("text")), metaOf(entry, own, id("meta"))),
      reactionsOf(message, setting),
      (failed || state === "waiting") && failureOf(entry),
      notice && appealOf(message, setting),
    ),
    entry.id !== null && !message.is_deleted && toolsOf(),
  );
}

/** @param {any} message @param {string} id */
function textOf(message, id) {
  if (message.is_deleted) return h("div", { class: "text quiet", id }, say("deleted"));
  const text = message.content ?? "";
  if (!text) return h("div", { class: "text quiet", id }, say("other_kind", { type: message.type }));
  return h("div", { class: isOnlyEmoji(text) ? "text large" : "text", id, dir: "auto" }, linked(text));
}

/** @param {Entry} entry @param {boolean} own @param {string} id */
function metaOf({ message, state }, own, id) {
  return h(
    "div",
    { class: "meta", id },
    message.is_edited && !message.is_deleted && h("span", { class: "edited", title: momentOf(message.edited_at) }, say("edited")),
    h("time", { datetime: message.ts, title: momentOf(message.ts) }, timeOf(message.ts)),
    own && !message.is_deleted && tickOf(state),
  );
}

/** @param {number} id @param {any} quote @param {Setting} setting */
function quoteOf(id, quote, { people, userId }) {
  const who = quote && (quote.author_id === userId ? say("you") : people.nameOf(quote.author_id));
  const what = quote ? brief(quote) : quote === null ? say("unavailable") : "…";
  return h(
    "button",
    { type: "button", class: `quote person-${(quote?.author_id ?? 0) % 6}`, "data-act": "jump", "data-to": id, tabindex: -1 },
    unseen(say("in_reply_to")),
    // Until it has come it is as high as it will be.
    (who || quote === undefined) && h("b", { dir: "auto" }, who || "\u00a0"),
    h("span", { dir: "auto" }, what),
  );
}

/** @param {any} message @param {Setting} setting */
function reactionsOf(message, { people, userId }) {
  /** @type {Map<string, number[]>} */
  const byEmoji = new Map();
  for (const { emoji, user_id } of message.reactions ?? []) byEmoji.set(emoji, [...(byEmoji.get(emoji) ?? []), user_id]);
  if (!byEmoji.size || message.is_deleted) return null;
  const chips = [...byEmoji].map(([emoji, users]) => {
    const names = listed(users.map((id) => (id === userId ? say("you") : people.nameOf(id))));
    const label = say("reaction", { emoji, names });
    const facts = { "aria-pressed": String(users.includes(userId)), "aria-label": label, title: names };
    const act = { "data-act": "react", "data-emoji": emoji, tabindex: -1 };
    return h("li", {}, h("button", { type: "button", ...facts, ...act }, h("span", {}, emoji), h("b", {}, numeral(users.length))));
  });
  return h("ul", { class: "reactions", "aria-label": say("reactions") }, chips);
}

/** Why it was not sent, and what makes sense to do about it. @param {Entry} entry */
function failureOf({ sending, state }) {
  const error = sending?.error;
  const told = h("span", {}, error ? problem(error) : "");
  // A moderator has it now, and nobody takes it back.
  if (state === "waiting") return h("div", { class: "failure waiting" }, told);
  const act = (/** @type {string} */ name, /** @type {string} */ word) => h("button", { type: "button", "data-act": name, tabindex: -1 }, say(word));
  return h(
    "div",
    { class: "failure" },
    told,
    error?.code === "content_rejected" && act("rewrite", "rewrite"),
    canRetry(error) && act("retry", "try_again"),
    act("drop", "discard"),
  );
}

/** @param {any} message a notice @param {Setting} setting */
function appealOf({ payload }, { appeals }) {
  const state = appeals.stateOf(payload);
  if (state === "open") return h("div", { class: "appeal" }, h("button", { type: "button", class: "button", "data-act": "appeal", tabindex: -1 }, say("appeal")));
  return state === "made" && h("p", { class: "appeal quiet" }, say("appeal_made"));
}

function toolsOf() {
  return h(
    "div",
    { class: "tools" },
    iconButton("smile", say("react"), { "data-act": "pick", tabindex: -1 }),
    iconButton("more", say("message_menu"), { "data-act": "menu", "aria-haspopup": "menu", tabindex: -1 }),
  );
}
