// @ts-check
/** Letters on a colour, instead of people's pictures. */

import { h, unseen } from "./dom.js";
import { initials } from "./text.js";
import { say } from "./words.js";

/**
 * @param {string} name @param {number | null} id whose colour it is
 * @param {string} [status] of presence: online and away have a dot
 */
export function face(name, id, status = "") {
  const dot = status === "online" || status === "away";
  return h(
    "span",
    { class: `face person-${(id ?? 0) % 6}` },
    h("span", { "aria-hidden": "true" }, initials(name)),
    dot && h("span", { class: `dot dot-${status}` }, unseen(say(status))),
  );
}
