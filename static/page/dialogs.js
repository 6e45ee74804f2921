// @ts-check
/** Dialogs: one that asks, and the frame of all others. */

import { fill, h, iconButton } from "./dom.js";
import { say } from "./words.js";

let last = 0;

/**
 * Open a dialog with a title; it is gone once it is closed, with Escape or beside it, too.
 * @param {string} title @param {(Node | null | false)[]} body @param {{onclose?: () => void, class?: string}} [options]
 * @returns {{element: HTMLDialogElement, close: () => void, say: (text: string) => void}}
 */
export function openDialog(title, body, { onclose, class: kind = "" } = {}) {
  const id = `dialog-${++last}`;
  const close = () => element.close();
  const wrong = h("p", { class: "wrong", role: "alert" });
  const head = h("header", {}, h("h2", { id }, title), iconButton("close", say("close"), { onclick: close }));
  const element = h("dialog", { class: `sheet ${kind}`, "aria-labelledby": id }, head, h("div", { class: "body" }, wrong, body));
  element.addEventListener("close", () => {
    element.remove();
    onclose?.();
  });
  // A press that begins beside it and ends there.
  let beside = false;
  element.addEventListener("pointerdown", (/** @type {Event} */ e) => (beside = e.target === element));
  element.addEventListener("click", (/** @type {Event} */ e) => beside && e.target === element && close());
  document.body.append(element);
  element.showModal();
  return { element, close, say: (text) => fill(wrong, text) };
}

/**
 * Whether somebody wants that.
 * @param {{title: string, text: string, action: string}} question @returns {Promise<boolean>}
 */
export function confirmed({ title, text, action }) {
  return new Promise((resolve) => {
    let answer = false;
    const yes = h("button", { type: "button", class: "button danger", onclick: () => ((answer = true), close()) }, action);
    const no = h("button", { type: "button", class: "button", autofocus: true, onclick: () => close() }, say("cancel"));
    const body = [h("p", { dir: "auto" }, text), h("div", { class: "actions" }, no, yes)];
    const { close } = openDialog(title, body, { class: "small", onclose: () => resolve(answer) });
  });
}
