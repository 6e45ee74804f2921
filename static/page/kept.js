// @ts-check
/** What this browser keeps for one person: drafts, what is still to be sent, choices. */
export class Kept {
  /** @param {number} userId */
  constructor(userId) {
    this.prefix = `messenger ${userId} `;
  }

  /** @template T @param {string} name @param {T} otherwise @returns {T} */
  get(name, otherwise) {
    try {
      const text = localStorage.getItem(this.prefix + name);
      return text === null ? otherwise : JSON.parse(text);
    } catch {
      return otherwise;
    }
  }

  /** @param {string} name @param {unknown} value null: not any more */
  set(name, value) {
    try {
      if (value === null) localStorage.removeItem(this.prefix + name);
      else localStorage.setItem(this.prefix + name, JSON.stringify(value));
    } catch {
      // Full, or forbidden: the page does without.
    }
  }
}

/** @typedef {{text: string, replyTo: number | null}} Draft */

/** What is written and not sent, by chat. */
export class Drafts {
  /** @param {Kept} kept */
  constructor(kept) {
    this.kept = kept;
  }

  /** @param {number} chatId @returns {Draft | null} */
  of(chatId) {
    return this.kept.get(`draft ${chatId}`, null);
  }

  /** @param {number} chatId @param {Draft} draft @returns {boolean} whether that is news */
  keep(chatId, { text, replyTo }) {
    const before = this.of(chatId);
    const empty = !text.trim() && replyTo === null;
    if ((before?.text ?? "") === (empty ? "" : text) && (before?.replyTo ?? null) === replyTo) return false;
    this.kept.set(`draft ${chatId}`, empty ? null : { text, replyTo });
    return true;
  }
}
