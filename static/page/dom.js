// @ts-check
/** Nodes from data: what people have written only ever becomes text. */

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element: `h("button", { type: "button", onclick: run }, "Send")`. Functions become listeners;
 * true is an attribute without a value; false, null and undefined are none.
 * @param {string} tag @param {Record<string, any>} [fields] @param {(Child | Child[])[]} children
 * @returns {any}
 */
export function h(tag, fields = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value") /** @type {any} */ (element).value = value;
    else setAttribute(element, name, value);
  }
  element.append(...nodes(children));
  return element;
}

/** @param {Element} element @param {string} name @param {any} value */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** @param {Element} element @param {(Child | Child[])[]} children */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
function nodes(children) {
  const there = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  return /** @type {(Node | string)[]} */ (there.map((child) => (typeof child === "number" ? String(child) : child)));
}

/** Lines in a square of 24. */
const ICONS = /** @type {Record<string, string>} */ ({
  back: "M15 5l-7 7 7 7",
  block: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M5.8 5.8l12.4 12.4",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v11H9zM5 15V4h10",
  down: "M6 9l6 6 6-6",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  eye: "M2.5 12C5 7.5 8.2 5.5 12 5.5s7 2 9.5 6.5c-2.5 4.5-5.7 6.5-9.5 6.5S5 16.5 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6",
  flag: "M6 21V4M6 4.5h12l-3 4.5 3 4.5H6",
  group: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.5c2 .8 3.2 2.7 3.5 5.5",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v6M12 7.5v.1",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  like: "M12 20C5 15 3 12 3 8.8A4.6 4.6 0 0 1 12 7a4.6 4.6 0 0 1 9 1.8C21 12 19 15 12 20z",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  menu: "M4 7h16M4 12h16M4 17h16",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4.5 21c.7-4.5 3.5-6.5 7.5-6.5s6.8 2 7.5 6.5",
  reply: "M10 6L4 12l6 6M4 12h9c4 0 6.5 2 7 6",
  retry: "M4 5v5h5M4.5 10A8 8 0 1 1 4 14",
  send: "M4 4l17 8-17 8 3-8zM7 12h14",
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 14c1.8 2.7 5.2 2.7 7 0M9 9.5v.1M15 9.5v.1",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  // What becomes of a message.
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 8v4.5l3 1.5",
  tick: "M6 12.5l4 4L18.5 8",
  ticks: "M2 12.5l4 4L14.5 8M11 16l.8.5L20.5 8",
  warning: "M12 7v6M12 16.5v.1M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
});

const SVG = "http://www.w3.org/2000/svg";

/** A picture that says nothing by itself: what stands beside it, or its button's label, does. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that is only a picture. @param {string} name of the picture @param {string} label @param {Record<string, any>} fields */
export function iconButton(name, label, fields = {}) {
  const { class: kind = "", ...rest } = fields;
  return h("button", { type: "button", class: `round ${kind}`.trim(), "aria-label": label, title: label, ...rest }, icon(name));
}

/** @param {string} text for who can't see */
export const unseen = (text) => h("span", { class: "unseen" }, text);

/** The element of the page with this id, which is there. @param {string} id @returns {any} */
export const byId = (id) => /** @type {any} */ (document.getElementById(id));

/**
 * Arrow keys walk over the elements that `list` gives, of which one is in the order of Tab.
 * @param {HTMLElement} box @param {() => HTMLElement[]} list
 * @param {{columns?: () => number, onleave?: (e: KeyboardEvent) => void}} [options] `columns` of a grid
 */
export function walkable(box, list, { columns } = {}) {
  box.addEventListener("keydown", (e) => {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const all = list();
    const at = all.findIndex((one) => one.contains(/** @type {Node} */ (e.target)));
    const wide = columns?.() ?? 1;
    const steps = /** @type {Record<string, number>} */ ({ ArrowUp: -wide, ArrowDown: wide, Home: -at, End: all.length - 1 - at });
    if (columns) Object.assign(steps, { ArrowLeft: -1, ArrowRight: 1 });
    const step = steps[e.key];
    if (at < 0 || step === undefined) return;
    e.preventDefault();
    stepTo(all, Math.min(all.length - 1, Math.max(0, at + step)));
  });
}

/** @param {HTMLElement[]} all @param {number} at */
export function stepTo(all, at) {
  for (const one of all) one.tabIndex = -1;
  if (!all[at]) return;
  all[at].tabIndex = 0;
  all[at].focus();
}
