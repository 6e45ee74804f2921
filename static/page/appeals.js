// @ts-check
/** What moderators decided about this person, as far as it can be appealed: once each. No DOM. */

import { Signals } from "./signals.js";

/** @import * as Types from "../../clients/javascript/messenger.d.ts" */

const PAGE = 100;

/** Tells "change". */
export class Appeals extends Signals {
  /** @type {Map<number, Types.Decision> | null} */ #known = null;
  /** @type {Promise<void> | null} */ #asking = null;

  /** @param {any} client */
  constructor(client) {
    super();
    this.client = client;
  }

  /** What there is to say of an appeal where a notice tells of a decision. @param {any} payload of the notice @returns {"" | "open" | "made"} */
  stateOf(payload) {
    if (payload?.can_appeal !== true) return "";
    if (!this.#known) {
      this.load();
      return "";
    }
    const decision = this.#known.get(payload.decision_id);
    // So old that it was not asked for: the server knows.
    if (!decision) return "open";
    return decision.appeal ? "made" : decision.can_appeal ? "open" : "";
  }

  /** Ask again: something may have been decided. */
  load() {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  /** @param {number} decisionId @param {string} text */
  async make(decisionId, text) {
    try {
      await this.client.appeal(decisionId, text);
    } finally {
      this.load();
    }
  }

  async #ask() {
    try {
      const { decisions } = await this.client.decisions({ limit: PAGE });
      this.#known = new Map(decisions.map((/** @type {Types.Decision} */ one) => [one.id, one]));
    } catch {
      this.#known ??= new Map();
    }
    this.tell("change");
  }
}
