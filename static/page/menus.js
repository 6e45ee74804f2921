// @ts-check
/** What opens at a button or at the pointer, and closes with Escape or a click beside it. */

import { h, icon, stepTo, walkable } from "./dom.js";

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {string} icon
 * @property {() => void} run
 * @property {boolean} [danger]
 */
/** @typedef {Element | {left: number, top: number, right: number, bottom: number}} Spot */

/** Pixels between a menu and the edge of the window. */
const MARGIN = 8;
/** Milliseconds in which the press that has closed it does not open it again. */
const SAME_PRESS = 300;

/** @type {{spot: Spot | null, at: number}} */
const closed = { spot: null, at: 0 };

/**
 * Float something next to a spot; what it gives closes it.
 * @param {HTMLElement} box @param {Spot} spot @param {() => void} focus
 */
export function float(box, spot, focus) {
  if (closed.spot === spot && performance.now() - closed.at < SAME_PRESS) return () => {};
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  box.popover = "auto";
  box.classList.add("floating");
  // Beside an open dialog everything is out of reach.
  (openDialogs().at(-1) ?? document.querySelector("main") ?? document.body).append(box);
  if (spot instanceof Element) spot.setAttribute("aria-expanded", "true");
  box.addEventListener("toggle", (e) => {
    if (/** @type {ToggleEvent} */ (e).newState !== "closed") return;
    Object.assign(closed, { spot, at: performance.now() });
    if (spot instanceof Element) spot.removeAttribute("aria-expanded");
    const inside = box.contains(document.activeElement) || document.activeElement === document.body;
    box.remove();
    if (inside && before?.isConnected) before.focus({ preventScroll: true });
  });
  box.showPopover();
  place(box, spot instanceof Element ? spot.getBoundingClientRect() : spot);
  focus();
  return () => box.isConnected && box.hidePopover();
}

/** The dialogs that are open, the one on top last. @returns {Element[]} */
export const openDialogs = () => [...document.querySelectorAll("dialog[open]")];

/** @param {HTMLElement} box @param {{left: number, top: number, right: number, bottom: number}} spot */
function place(box, spot) {
  const { offsetWidth: width, offsetHeight: height } = box;
  const fitsRight = spot.left + width + MARGIN <= innerWidth;
  const fitsBelow = spot.bottom + height + MARGIN <= innerHeight;
  const left = fitsRight ? spot.left : spot.right - width;
  const top = fitsBelow ? spot.bottom : spot.top - height;
  box.style.setProperty("left", `${Math.max(MARGIN, Math.min(left, innerWidth - width - MARGIN))}px`);
  box.style.setProperty("top", `${Math.max(MARGIN, Math.min(top, innerHeight - height - MARGIN))}px`);
}

/**
 * A menu. `emoji` are in a row of their own above the rest.
 * @param {Spot} spot @param {string} label @param {Item[]} items
 * @param {{list: string[], own: Set<string>, label: string, pick: (emoji: string) => void}} [emoji]
 */
export function openMenu(spot, label, items, emoji) {
  let close = () => {};
  const chosen = (/** @type {() => void} */ run) => () => {
    close();
    run();
  };
  const quick = emoji && h(
    "div",
    { role: "group", class: "quick", "aria-label": emoji.label },
    emoji.list.map((one) => {
      const checked = String(emoji.own.has(one));
      return h("button", { type: "button", role: "menuitemcheckbox", "aria-checked": checked, tabindex: -1, onclick: chosen(() => emoji.pick(one)) }, one);
    }),
  );
  const entries = items.map((item) =>
    h(
      "button",
      { type: "button", role: "menuitem", class: item.danger ? "danger" : "", tabindex: -1, onclick: chosen(item.run) },
      icon(item.icon),
      item.label,
    ),
  );
  const menu = h("div", { class: "menu", role: "menu", "aria-label": label }, quick, entries);
  const all = () => /** @type {HTMLElement[]} */ ([...menu.querySelectorAll("[role^=menuitem]")]);
  walkable(menu, all, { columns: () => 1 });
  menu.addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
    if (e.key === "Tab") close();
  });
  close = float(menu, spot, () => stepTo(entries.length ? entries : all(), 0));
}
