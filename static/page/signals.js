// @ts-check
/** Who wants to hear of what; the views hear of the models by it. */
export class Signals {
  /** @type {Map<string, Set<(...told: any[]) => void>>} */
  #listeners = new Map();

  /** @param {string} name @param {(...told: any[]) => void} listener @returns {() => void} ends it */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** @param {string} name @param {any[]} told */
  tell(name, ...told) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(...told);
  }
}
