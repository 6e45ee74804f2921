// @ts-check
/** What the page says beside the conversation: of the connection, in its title and icon, in passing. */

import { byId, fill, h } from "./dom.js";
import { openDialogs } from "./menus.js";
import { numeral, say } from "./words.js";

/** @import { KnownChat, Store } from "./store.js" */
/** @import { Kept } from "./kept.js" */

/** Milliseconds without a connection until that is said; for which something is said in passing. */
const QUIETLY = 1_200;
const PASSING = 5_000;
/** Milliseconds between attempts that somebody makes by coming back to the page. */
const AGAIN = 5_000;

/** @param {string} text */
export function tell(text) {
  const box = h("p", { class: "toast", role: "alert" });
  // Beside an open dialog nothing is heard.
  (openDialogs().at(-1) ?? document.body).append(box);
  fill(box, text);
  setTimeout(() => box.remove(), PASSING);
}

/** Says that there is no connection when it is no mere moment. @param {any} client */
export function watchConnection(client) {
  const notice = byId("notice");
  let wasOnline = false;
  /** @type {any} */ let timer = 0;
  const again = h("button", { type: "button", class: "button" }, say("try_now"));
  let tried = 0;
  const tryNow = () => {
    tried = performance.now();
    client.close();
    client.connect().catch(() => {});
  };
  again.addEventListener("click", tryNow);
  // Who comes back to the page does not wait for the next attempt.
  addEventListener("focus", () => client.state === "offline" && performance.now() - tried > AGAIN && tryNow());
  const paint = () => {
    const offline = client.state === "offline" || !navigator.onLine;
    fill(notice, h("span", {}, say(!wasOnline ? "connecting" : offline ? "offline_notice" : "reconnecting")), offline && again);
    notice.hidden = false;
  };
  const watch = () => {
    // The browser knows of it before the silence on the line has been noticed.
    if (client.state === "online" && navigator.onLine) {
      wasOnline = true;
      clearTimeout(timer);
      timer = 0;
      notice.hidden = true;
    } else if (!notice.hidden) paint();
    else timer ||= setTimeout(paint, QUIETLY);
  };
  client.on("state", watch);
  for (const name of ["online", "offline"]) addEventListener(name, watch);
  watch();
}

/** The number of unread messages in the title and on the icon. @param {Store} store */
export function watchUnread(store) {
  const title = document.title;
  const link = /** @type {HTMLLinkElement | null} */ (document.querySelector("link[rel~=icon]"));
  const plain = link?.href ?? "";
  const mark = new Image();
  let shown = 0;
  const paint = () => {
    const { unread } = store;
    if (unread === shown) return;
    shown = unread;
    document.title = unread ? `(${numeral(unread)}) ${title}` : title;
    if (link) link.href = unread ? drawn(mark, unread) ?? plain : plain;
  };
  if (plain) mark.src = plain;
  store.on("chats", paint);
}

/** The icon with a number on it. @param {HTMLImageElement} mark @param {number} unread */
function drawn(mark, unread) {
  const canvas = h("canvas", { width: 64, height: 64 });
  const pen = canvas.getContext("2d");
  if (!pen) return null;
  if (mark.complete && mark.naturalWidth) pen.drawImage(mark, 0, 0, 64, 64);
  const text = unread > 99 ? "99" : `${unread}`;
  const alarm = h("span", { class: "alarm", hidden: true });
  document.body.append(alarm);
  const { color, backgroundColor } = getComputedStyle(alarm);
  pen.fillStyle = backgroundColor;
  pen.beginPath();
  pen.roundRect(text.length > 1 ? 14 : 26, 24, text.length > 1 ? 50 : 38, 40, 18);
  pen.fill();
  pen.fillStyle = color;
  pen.font = "bold 34px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, text.length > 1 ? 39 : 45, 46);
  alarm.remove();
  return canvas.toDataURL("image/png");
}

/** Notifications of the browser: asked for by a button, shown while nobody looks. */
export class Notifications {
  /** @param {{kept: Kept, button: HTMLButtonElement, open: (chatId: number) => void}} options */
  constructor({ kept, button, open }) {
    this.kept = kept;
    this.button = button;
    this.open = open;
    button.addEventListener("click", () => this.#toggle());
    this.#paint();
  }

  get #possible() {
    return "Notification" in globalThis;
  }

  get #on() {
    return this.#possible && Notification.permission === "granted" && this.kept.get("notify", false);
  }

  #paint() {
    this.button.hidden = !this.#possible;
    if (!this.#possible) return;
    const denied = Notification.permission === "denied";
    this.button.disabled = denied;
    fill(this.button, say(denied ? "notify_denied" : this.#on ? "notify_off" : "notify_on"));
  }

  async #toggle() {
    const wanted = !this.#on;
    if (wanted && Notification.permission !== "granted") await Notification.requestPermission();
    this.kept.set("notify", wanted && Notification.permission === "granted");
    this.#paint();
  }

  /** @param {KnownChat} chat @param {string} title @param {string} text */
  show(chat, title, text) {
    if (!this.#on) return;
    try {
      // One for each chat, from however many tabs.
      const shown = new Notification(title, { body: text, tag: `chat-${chat.id}`, icon: /** @type {any} */ (document.querySelector("link[rel~=icon]"))?.href });
      shown.onclick = () => {
        focus();
        this.open(chat.id);
        shown.close();
      };
    } catch {
      // Browsers on telephones want a service worker for it.
    }
  }
}
