// @ts-check
/** Who people are and whether they are here: asked for once each, and kept up to date by events. */

import { Signals } from "./signals.js";
import { say, since } from "./words.js";

/** @import * as Types from "../../clients/javascript/messenger.d.ts" */
/** @typedef {{status: Types.Status, last_seen: Types.Time | null}} Here */

/** Questions at a time, and people whose presence is asked for again after a reconnection. */
const AT_ONCE = 4;
const MOST_AGAIN = 60;

/** Tells "name" and "here", with an id, when there is something new to know of somebody. */
export class People extends Signals {
  /** @type {Map<number, Types.User>} */ #known = new Map();
  /** @type {Map<string, number>} */ #ids = new Map();
  /** @type {Map<number, Here>} */ #here = new Map();
  /** @type {Set<string>} */ #asked = new Set();
  /** @type {(() => Promise<void>)[]} */ #queue = [];
  #running = 0;

  /** @param {any} client */
  constructor(client) {
    super();
    this.client = client;
    client.on("user.presence", (/** @type {any} */ { data }) => {
      this.#here.set(data.user_id, { status: data.status, last_seen: data.timestamp });
      this.tell("here", data.user_id);
    });
  }

  /** @param {{id?: number, user_id?: number, uuid: string, username: string, name: string}} person a user or a member */
  learn({ id, user_id: userId, uuid, username, name }) {
    const whole = { id: /** @type {number} */ (id ?? userId), uuid, username, name };
    const before = this.#known.get(whole.id);
    this.#known.set(whole.id, whole);
    this.#ids.set(uuid, whole.id);
    if (before?.name !== name) this.tell("name", whole.id);
  }

  /** A name at once; a better one follows by "name". @param {number | null} id */
  nameOf(id) {
    if (id === null) return say("nobody");
    const known = this.#known.get(id);
    if (!known) this.#ask(`user ${id}`, async () => this.learn(await this.client.user(id)), () => this.#gone(id));
    return known ? known.name || known.username : "…";
  }

  /** @param {number} id */
  usernameOf(id) {
    return this.#known.get(id)?.username ?? "";
  }

  /** Who it is by a UUID. @param {string} uuid @returns {Promise<string>} */
  async nameByUuid(uuid) {
    const id = this.#ids.get(uuid);
    if (id !== undefined) return this.nameOf(id);
    try {
      const person = await this.client.user(uuid);
      this.learn(person);
      return person.name || person.username;
    } catch {
      return say("nobody");
    }
  }

  /** @param {string} uuid */
  idOf(uuid) {
    return this.#ids.get(uuid);
  }

  /** Whether somebody is here, as far as is known by now. @param {number} id @returns {Here | undefined} */
  hereOf(id) {
    if (!this.#here.has(id)) {
      this.#ask(`presence ${id}`, async () => {
        const asked = this.#here.get(id);
        const { status, last_seen } = await this.client.presence(id);
        // An event that came meanwhile is newer.
        if (this.#here.get(id) === asked) this.#here.set(id, { status, last_seen });
        this.tell("here", id);
      });
    }
    return this.#here.get(id);
  }

  /** In words, or nothing while it is not known. @param {number} id */
  statusOf(id) {
    const here = this.hereOf(id);
    if (!here) return "";
    if (here.status === "online") return say("online");
    if (here.status === "away") return say("away");
    return here.last_seen ? say("last_seen", { when: since(here.last_seen) }) : say("offline");
  }

  /** After a time without a connection nothing that is known of presence is sure. */
  askAgain() {
    for (const id of [...this.#here.keys()].slice(-MOST_AGAIN)) {
      this.#asked.delete(`presence ${id}`);
      this.#here.delete(id);
      this.hereOf(id);
    }
  }

  /** @param {number} id */
  #gone(id) {
    this.learn({ id, uuid: `gone ${id}`, username: "", name: say("nobody") });
  }

  /** @param {string} what @param {() => Promise<void>} ask @param {() => void} [missing] */
  #ask(what, ask, missing = () => {}) {
    if (this.#asked.has(what)) return;
    this.#asked.add(what);
    this.#queue.push(async () => {
      try {
        await ask();
      } catch (/** @type {any} */ error) {
        if (error.status === 404) missing();
        // Else asked again with the next look at it.
        else this.#asked.delete(what);
      }
    });
    this.#next();
  }

  async #next() {
    if (this.#running >= AT_ONCE) return;
    const ask = this.#queue.shift();
    if (!ask) return;
    this.#running++;
    await ask();
    this.#running--;
    this.#next();
  }
}
