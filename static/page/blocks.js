// @ts-check
/** Whom this person has blocked. Who has blocked them is nothing that anybody tells. No DOM. */

import { Signals } from "./signals.js";

/** @import * as Types from "../../clients/javascript/messenger.d.ts" */

const PAGE = 100;

/** Tells "change". */
export class Blocks extends Signals {
  /** @type {Set<number>} */ #ids = new Set();

  /** @param {any} client */
  constructor(client) {
    super();
    this.client = client;
  }

  /** @param {number | null | undefined} id */
  has(id) {
    return id !== null && id !== undefined && this.#ids.has(id);
  }

  /** All of them, for other windows may have changed them. */
  async load() {
    const ids = new Set();
    /** @type {string | null} */ let cursor = null;
    do {
      /** @type {Types.BlockPage} */ const page = await this.client.blocks({ limit: PAGE, cursor });
      for (const { user } of page.blocks) ids.add(user.id);
      cursor = page.has_more ? page.next_cursor : null;
    } while (cursor !== null);
    this.#ids = ids;
    this.tell("change");
  }

  /** @param {number} id @param {boolean} blocked */
  async set(id, blocked) {
    await (blocked ? this.client.block(id) : this.client.unblock(id));
    if (blocked) this.#ids.add(id);
    else this.#ids.delete(id);
    this.tell("change");
  }
}
