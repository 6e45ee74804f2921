// @ts-check
/** Looking for people: a field and a list, to press one or to tick several. */

import { fill, h } from "./dom.js";
import { personIn } from "./list.js";
import { problem, say } from "./words.js";

/** @import { Store } from "./store.js" */

const PAUSE = 250;
const MOST = 50;

/**
 * @param {Store} store
 * @param {{without?: (id: number) => boolean, onpick?: (person: any) => void, several?: boolean}} options
 * @returns {{element: HTMLElement, field: HTMLInputElement, chosen: Map<number, any>, again: () => void}}
 */
export function finder(store, { without = () => false, onpick, several = false }) {
  /** @type {Map<number, any>} */ const chosen = new Map();
  let turn = 0;
  /** @type {any} */ let timer = 0;
  /** @type {any[]} */ let people = [];
  const field = h("input", { type: "search", "aria-label": say("find_people"), placeholder: say("find_people"), maxlength: 100, autocomplete: "off" });
  const list = h("ul", { class: "people", "aria-label": say("people") });
  const hint = h("p", { class: "hint", role: "status" });

  function rowOf(/** @type {any} */ person) {
    if (!several) return h("li", {}, h("button", { type: "button", class: "row", onclick: () => onpick?.(person) }, personIn(person)));
    const box = h("input", { type: "checkbox" });
    box.checked = chosen.has(person.id);
    box.addEventListener("change", () => (box.checked ? chosen.set(person.id, person) : chosen.delete(person.id)));
    return h("li", {}, h("label", { class: "row" }, personIn(person), box));
  }

  function paint() {
    // Who has been ticked stays in sight.
    const ticked = [...chosen.values()].filter(({ id }) => !people.some((one) => one.id === id));
    const shown = [...ticked, ...people].filter(({ id }) => id !== store.userId && !without(id));
    fill(list, shown.map(rowOf));
    fill(hint, !shown.length && say("nothing_found"));
  }

  async function search() {
    const mine = ++turn;
    try {
      const { users } = await store.client.users({ search: field.value.trim(), limit: MOST });
      if (mine !== turn) return;
      people = users;
      for (const person of users) store.people.learn(person);
      paint();
    } catch (error) {
      if (mine === turn) fill(hint, problem(error));
    }
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
  search();
  return { element: h("div", { class: "finder" }, field, hint, list), field, chosen, again: paint };
}
