// @ts-check
/** All emoji to pick from, with those picked lately first. */

import { h, stepTo } from "./dom.js";
import { GROUPS, QUICK } from "./emoji.js";
import { float } from "./menus.js";
import { say } from "./words.js";

/** @import { Kept } from "./kept.js" */
/** @import { Spot } from "./menus.js" */

const RECENT = 16;
const ARROWS = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"]);

/** @param {Spot} spot @param {Kept} kept @param {(emoji: string) => void} pick */
export function openPicker(spot, kept, pick) {
  const recent = kept.get("emoji", QUICK);
  let close = () => {};
  const choose = (/** @type {string} */ emoji) => {
    kept.set("emoji", [emoji, ...recent.filter((one) => one !== emoji)].slice(0, RECENT));
    close();
    pick(emoji);
  };
  const groups = Object.entries({ emoji_recent: recent, ...GROUPS }).map(([id, list]) => {
    const buttons = list.map((emoji) => h("button", { type: "button", tabindex: -1, onclick: () => choose(emoji) }, emoji));
    return h("section", { "aria-label": say(id) }, h("h3", {}, say(id)), h("div", { class: "grid" }, buttons));
  });
  const tabs = groups.map((group, at) => {
    const first = group.querySelector(".grid button");
    const show = () => group.scrollIntoView({ block: "start" });
    return h("button", { type: "button", "aria-label": group.getAttribute("aria-label"), title: group.getAttribute("aria-label"), onclick: show }, at ? first.textContent : "🕘");
  });
  const scroller = h("div", { class: "scroller" }, groups);
  const box = h("div", { class: "picker", role: "dialog", "aria-label": say("choose_emoji") }, h("div", { class: "tabs" }, tabs), scroller);
  scroller.addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
    if (!ARROWS.has(e.key)) return;
    e.preventDefault();
    const all = /** @type {HTMLElement[]} */ ([...scroller.querySelectorAll("button")]);
    stepTo(all, next(all, all.indexOf(/** @type {HTMLElement} */ (e.target)), e.key));
  });
  close = float(box, spot, () => stepTo([...scroller.querySelectorAll("button")], 0));
}

/** Which one an arrow leads to: up and down by how they lie on the screen. @param {HTMLElement[]} all @param {number} at @param {string} key */
function next(all, at, key) {
  if (key === "Home") return 0;
  if (key === "End") return all.length - 1;
  if (key === "ArrowLeft") return Math.max(0, at - 1);
  if (key === "ArrowRight") return Math.min(all.length - 1, at + 1);
  const here = all[at].getBoundingClientRect();
  const down = key === "ArrowDown";
  let best = at;
  let least = Infinity;
  all.forEach((one, index) => {
    const { left, top } = one.getBoundingClientRect();
    const rows = down ? top - here.top : here.top - top;
    // The row matters more than the column.
    const far = rows * 1000 + Math.abs(left - here.left);
    if (rows > 1 && far < least) [best, least] = [index, far];
  });
  return best;
}
