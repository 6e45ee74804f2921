// @ts-check
/** The client of this page: signed in by the page's session, with a token for a few minutes at a time. */

import { Messenger, MessengerError } from "../client/messenger.js";
import { language } from "./words.js";

const PATIENCE = 20_000;

/** Whose token it is. Nobody checks it here. @param {string} token */
function personOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).user_id;
  } catch {
    return null;
  }
}

/**
 * The client, and what the page's own address for tokens tells besides: whose messages are notices.
 * @param {{access: string, csrf: string}} page its address for tokens, and its proof of being ours
 */
export function clientOf({ access, csrf }) {
  /** @type {unknown} */ let person = null;
  const notices = {
    /** The account that they come from; null while there is none. @type {number | null} */
    from: null,
    /** Ask anew. */
    look: () => ask(null).then(() => {}),
  };

  /** @param {string | null} refused @returns {Promise<string>} */
  async function ask(refused) {
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrf };
    const body = JSON.stringify(refused ? { refused } : {});
    let answer;
    try {
      answer = await fetch(access, { method: "POST", headers, body, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    } catch (error) {
      throw new MessengerError({ code: "network", detail: String(error) });
    }
    // 403: another tab has signed in anew, and this page's proof is of before.
    if (answer.status === 401 || answer.status === 403) throw new MessengerError({ status: 401, code: "signed_out" });
    if (!answer.ok) {
      const retryAfter = Number.parseFloat(answer.headers.get("Retry-After") ?? "") || null;
      throw new MessengerError({ status: answer.status, code: "unavailable", retryAfter });
    }
    const { access_token: token, notices_from: from } = await answer.json();
    notices.from = from;
    person ??= personOf(token);
    if (person !== personOf(token)) {
      // Another tab has signed in as somebody else: nothing of this one may be sent in their name.
      location.reload();
      return new Promise(() => {});
    }
    return token;
  }

  /** The page may be in another language than the browser: what the server says is for the page. @type {any} */
  const fetchInLanguage = (/** @type {string} */ url, /** @type {any} */ how) =>
    fetch(url, { ...how, headers: { ...how.headers, "Accept-Language": language } });

  const getToken = (/** @type {{refused: string | null}} */ { refused }) => ask(refused);
  const client = new Messenger({ getToken, ticket: true, fetch: fetchInLanguage });
  return { client, notices };
}
