// @ts-check
/**
 * A client of the Messenger's native API (docs/protocols/nodus.md), for browsers and Node.
 *
 *     const client = await Messenger.login("https://chat.example", { email, password });
 *     client.on("message.created", (e) => show(e.data));
 *     await client.connect();
 *     client.send({ chatId: 5, content: "Hi" });
 *
 * It keeps the promises of the server's stream on the client's side: every change to a chat is told
 * once and in order, over any number of lost connections, and what is sent is stored once.
 *
 * No dependencies, no build, no eval. The sections: errors, helpers, what is being sent, and the
 * client itself (tokens, REST, connection, frames, the stream of each chat, sending, presence).
 */

/** @import * as Types from "./messenger.d.ts" */

const API = "/api/v1";

/** Milliseconds. */
const TIMES = Object.freeze({
  request: 20_000, // until a REST call is given up
  answer: 15_000, // until a socket that does not open or does not answer a command is given up
  silence: 60_000, // without a frame, after which the server is asked whether it is there
  probe: 10_000, // for its answer to that
  soon: 1_000, // a reconnection at once comes within this
  firstRetry: 500, // a reconnection comes within this, then within twice as much, …
  lastRetry: 30_000,
  refused: 5_000, // … and after too many sockets or frames this much later
  steady: 10_000, // online for so long, the next trouble is a new one
  longestWait: 30_000, // a REST call, or a message in slow mode, that is to come again later than this fails instead
  typingAgain: 3_000,
  typingEnds: 4_000,
  presenceAgain: 30_000,
});
/** REST calls that come again at most; refusals on the server's side (500) or in slow mode, and silences, per send. */
const REPEATS = 3;
/** Chats in one `resume`: a frame has no more than 64 KB. */
const RESUME_MOST = 1_000;
/** Close codes after which a client is welcome again: a restart, too slow, a token that has expired. */
const WELCOME = new Set([1012, 4408, 4401]);

// --- errors ------------------------------------------------------------------------------------

/** The statuses of the codes: errors on a socket come without. */
const STATUSES = /** @type {Record<string, number>} */ ({
  invalid: 400, unknown_users: 400, malformed: 400, unknown_command: 400,
  unauthenticated: 401, wrong_credentials: 401, token_reused: 401,
  forbidden: 403, banned: 403, muted: 403, undeliverable: 403, content_rejected: 403, awaiting_review: 403, not_found: 404, method_not_allowed: 405, conflict: 409,
  too_large: 413, unsupported_media_type: 415, idempotency_key_reused: 422, rate_limited: 429, slow_mode: 429,
  internal_error: 500, unavailable: 503,
});

/** What the server refused, or why it could not be asked (`status` 0). */
export class MessengerError extends Error {
  /** @param {{status?: number, code?: string, detail?: string, errors?: Record<string, string[]>, retryAfter?: number | null, until?: string | null}} facts */
  constructor({ status, code = "error", detail, errors = {}, retryAfter = null, until = null }) {
    super(detail || code);
    this.name = "MessengerError";
    /** The HTTP status; 0 if no server said it. */
    this.status = status ?? STATUSES[code] ?? 0;
    /** For programs: the server's codes, and `network`, `timeout`, `offline`, `disconnected`, `signed_out`, `closed`. */
    this.code = code;
    /** For people. */
    this.detail = detail || code;
    /** By field. */
    this.errors = errors;
    /** Seconds, or null. */
    this.retryAfter = retryAfter;
    /** The end of a mute or a ban, or null. */
    this.until = until;
    /** @internal It does not say which command it answers. */
    this.vague = false;
  }
}

/** @param {any} data of an `error` frame */
function errorFrom(data) {
  const { code, detail, errors, retry_after: retryAfter, until } = data ?? {};
  return new MessengerError({ status: STATUSES[code] ?? 400, code, detail, errors, retryAfter, until });
}

/** @param {number} status @param {string} text @param {Headers} headers */
function errorOf(status, text, headers) {
  const { code, detail, errors, retry_after: inBody, until } = /** @type {any} */ (parsed(text) ?? {});
  const inHeader = Number.parseFloat(headers.get("Retry-After") ?? "");
  const retryAfter = inBody ?? (Number.isFinite(inHeader) ? inHeader : null);
  return new MessengerError({ status, code: code ?? "error", detail: detail ?? `HTTP ${status}`, errors, retryAfter, until });
}

const offline = () => new MessengerError({ code: "offline", detail: "There is no connection." });
const disconnected = () => new MessengerError({ code: "disconnected", detail: "The connection was lost." });
const signedOut = () => new MessengerError({ status: 401, code: "signed_out", detail: "Sign in first." });

/** Refused for now: the same may succeed later. @param {MessengerError} error */
const isPassing = (error) => error.status === 429 || error.status === 401 || error.status >= 500;

/**
 * Whether a message comes again by itself. The server may stumble over it each time, and slow mode may last for
 * hours: then the person who wrote it is to know.
 * @param {MessengerError} error @param {number} tries
 */
const comesAgain = (error, tries) =>
  isPassing(error) &&
  !((error.status === 500 || error.code === "slow_mode") && tries > REPEATS) &&
  !(error.code === "slow_mode" && (error.retryAfter ?? 0) * 1000 > TIMES.longestWait);

// --- helpers -----------------------------------------------------------------------------------

/** @param {string} text @returns {Record<string, any> | null} the object that it is as JSON */
function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

/** What a JWT says. Nobody checks it here: it only saves asking. @param {string | undefined} token */
function claimsOf(token) {
  try {
    const part = /** @type {string} */ (token).split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return /** @type {{user_id?: number, exp?: number, iat?: number}} */ (parsed(atob(part)) ?? {});
  } catch {
    return {};
  }
}

/** 128 random bits; `crypto.randomUUID` is missing on pages without HTTPS. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Streams go by the integer. @param {number | string} id */
function wholeId(id) {
  const whole = typeof id === "string" && /^\d+$/.test(id) ? Number(id) : id;
  if (typeof whole !== "number" || !Number.isSafeInteger(whole)) throw new TypeError(`Not the integer id of a chat: ${id}`);
  return whole;
}

const segment = encodeURIComponent;

/** @template T */
function deferred() {
  /** @type {(value: T) => void} */ let resolve = () => {};
  /** @type {(error: Error) => void} */ let reject = () => {};
  const promise = /** @type {Promise<T>} */ (new Promise((yes, no) => ((resolve = yes), (reject = no))));
  // Who does not look at it is no unhandled rejection: there are events, too.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

// --- what is being sent ------------------------------------------------------------------------

/**
 * A message on its way; what `send` returns.
 * @implements {Types.Pending}
 */
class Pending {
  /**
   * @param {string} localId also its idempotency key
   * @param {Record<string, any>} body
   * @param {Types.Draft} message
   * @param {{retry: (item: Pending) => void, drop: (item: Pending) => boolean}} actions
   */
  constructor(localId, body, message, actions) {
    this.localId = localId;
    this.chatId = /** @type {number} */ (body.chat_id);
    this.message = message;
    /** @type {"queued" | "sending" | "sent" | "failed" | "dropped"} */
    this.status = "queued";
    /** @type {MessengerError | null} why it failed */
    this.error = null;
    /** @internal */
    this.body = body;
    /** @internal An answer is awaited. */
    this.asked = false;
    /** @internal It may have been stored already: it was sent, and nobody said what became of it. */
    this.uncertain = false;
    /** @internal An earlier answer was lost, so no later refusal makes it certain. */
    this.lost = false;
    /** @internal Refused for now, and comes again by a timer. */
    this.waits = false;
    /** @internal */
    this.troubles = 0;
    /** @internal */
    this.actions = actions;
    /** @internal @type {ReturnType<typeof deferred<Types.Message>>} */
    this.outcome = deferred();
  }

  /** The stored message; rejected when it is refused for good. */
  get sent() {
    return this.outcome.promise;
  }

  /** Send a failed one again, under the same key. */
  retry() {
    this.actions.retry(this);
    return this.sent;
  }

  /** Take it back: true if it has failed or was never sent, false if it may have arrived. */
  drop() {
    return this.actions.drop(this);
  }
}

// --- the client --------------------------------------------------------------------------------

export class Messenger {
  // Its surroundings.
  /** @type {string} */ #base;
  /** @type {Types.Options} */ #options;
  /** @type {Types.Clock} */ #clock;
  /** @type {() => number} */ #random;
  /** @type {(url: string, options: any) => Promise<Response>} */ #http;
  /** @type {Map<string, Set<(e: any) => void>>} */ #listeners = new Map();
  /** Timers of this connection, by name. @type {Map<string, any>} */ #timers = new Map();

  // Tokens. `#skew` is how far the server's clock is ahead of ours.
  /** @type {Types.Tokens | null} */ #tokens = null;
  /** @type {Promise<void> | null} */ #renewing = null;
  #skew = 0;

  // The connection. `#run` grows with each attempt: what belongs to an older one is void.
  /** @type {Types.State} */ #state = "offline";
  /** @type {ReturnType<typeof deferred<void>> | null} */ #wanted = null;
  #run = 0;
  #attempts = 0;
  #onlineAt = 0;
  /** @type {AbortController} */ #abort = new AbortController();
  /** @type {any} */ #socket = null;
  /** The token that a socket was closed for. @type {string | null} */ #refused = null;
  #heard = 0;
  #heardAt = 0;
  #lastRequest = 0;
  /** Without an answer. @type {Map<number, {event: string, size: number, heard: number, done: (error: MessengerError | null, data?: any) => void}>} */
  #commands = new Map();
  /** @type {"online" | "away"} */ #presence = "online";
  #presenceAt = 0;
  /** When we last said that we are typing, by chat. @type {Map<number, number>} */ #typing = new Map();

  // The streams, by chat.
  /** @type {Types.User | null} */ #user = null;
  #synced = false;
  /** The last change that has been taken in. @type {Map<number, number>} */ #seqs = new Map();
  /** Asked to be resumed. @type {Set<number>} */ #resuming = new Set();
  /** Being loaded anew, with the frames that come meanwhile. @type {Map<number, any[]>} */ #loading = new Map();
  /** @type {Promise<void>} */ #loads = Promise.resolve();
  /** Frames behind one of ours of which it is not known yet what it answers. @type {Map<number, any[]>} */ #held = new Map();
  /** The local ids of acknowledged messages whose event is still to come. @type {Map<number, string>} */ #acked = new Map();
  /** @type {Map<number, Pending[]>} */ #outbox = new Map();

  /** @param {Types.Options} options */
  constructor(options) {
    const { url = globalThis.location?.origin, token, refreshToken, tokens, clock, random, fetch } = options;
    if (!url) throw new TypeError("Say the url of the server.");
    this.#base = new URL(url, globalThis.location?.href).href.replace(/\/+$/, "");
    this.#options = options;
    // Called as methods of something else, browsers' own refuse.
    this.#http = fetch ?? ((where, how) => globalThis.fetch(where, how));
    this.#clock = clock ?? {
      now: () => Date.now(),
      setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
      clearTimeout: (id) => globalThis.clearTimeout(id),
    };
    this.#random = random ?? Math.random;
    if (tokens) this.#tokens = { ...tokens };
    else if (token) this.#tokens = { access_token: token, refresh_token: refreshToken ?? null };
  }

  /**
   * Sign in; a client that refreshes its tokens by itself.
   * @param {string} url @param {Types.Credentials} credentials @param {Partial<Types.Options>} [options]
   */
  static async login(url, credentials, options = {}) {
    const client = new Messenger({ ...options, url });
    await client.login(credentials);
    return client;
  }

  /**
   * Sign up; the new person, not signed in yet.
   * @param {string} url @param {Types.Registration} fields @param {Partial<Types.Options>} [options]
   * @returns {Promise<Types.Me>}
   */
  static register(url, fields, options = {}) {
    const client = new Messenger({ ...options, url });
    return client.#request("POST", "/auth/register", { body: fields, anonymous: true });
  }

  /** "offline" (also between two attempts), "connecting", "syncing" or "online". */
  get state() {
    return this.#state;
  }

  /** Who is signed in: the integer id, or null. @returns {number | null} */
  get userId() {
    return claimsOf(this.#tokens?.access_token).user_id ?? this.#user?.id ?? null;
  }

  /** The pair as it is now, for keeping it somewhere. */
  get tokens() {
    return this.#tokens && { ...this.#tokens };
  }

  /** What is being sent, in order within a chat. @returns {Types.Pending[]} */
  get pending() {
    return [...this.#outbox.values()].flat();
  }

  // --- events ----------------------------------------------------------------------------------

  /**
   * Hear of an event, or of all with "*". @returns {() => void} ends it
   * @param {string} name @param {(e: any) => void} listener
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** @param {string} name @param {Record<string, any>} fields */
  #emit(name, fields) {
    const e = { event: name, ...fields };
    for (const key of [name, "*"]) {
      for (const listener of [...(this.#listeners.get(key) ?? [])]) {
        try {
          listener(e);
        } catch (error) {
          // An application's mistake must not break the stream.
          console.error(error);
        }
      }
    }
  }

  // --- timers ----------------------------------------------------------------------------------

  /** One timer of each name. @param {string} name @param {number} ms @param {() => void} run */
  #after(name, ms, run) {
    this.#cancel(name);
    const fire = () => (this.#timers.delete(name), run());
    this.#timers.set(name, this.#clock.setTimeout(fire, Math.min(Math.max(0, ms), 2 ** 31 - 1)));
  }

  /** @param {string} name */
  #cancel(name) {
    this.#clock.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  /** Milliseconds until something refused for now comes again. @param {MessengerError} error @param {number} tries */
  #pauseAfter(error, tries) {
    const least = error.retryAfter ?? Math.min(TIMES.lastRetry, TIMES.firstRetry * 2 ** tries) / 1000;
    return least * 1000 * (1 + this.#random() / 2);
  }

  // --- tokens ----------------------------------------------------------------------------------

  /** Sign in. @param {Types.Credentials} credentials */
  async login(credentials) {
    const pair = await this.#request("POST", "/auth/login", { body: credentials, anonymous: true });
    this.#skew = this.#skewOf(pair.access_token);
    this.setTokens(pair);
  }

  /** End this login everywhere, and the connection. */
  async logout() {
    try {
      await this.#request("POST", "/auth/logout");
    } catch (error) {
      // It has ended already.
      if (/** @type {MessengerError} */ (error).status !== 401) throw error;
    } finally {
      this.close();
      this.#keep(null);
    }
  }

  /** Go on with this pair, from another tab or from where it was kept. @param {Types.Tokens} tokens */
  setTokens(tokens) {
    const before = this.userId;
    this.#keep({ access_token: tokens.access_token, refresh_token: tokens.refresh_token ?? null });
    if (before !== null && before !== this.userId) this.#forgetEverything();
    this.#tellToken();
  }

  /** Exchange the tokens now; otherwise it happens before they expire. */
  async refresh() {
    await this.#renew(this.#tokens?.access_token);
  }

  /** @param {Types.Tokens | null} tokens */
  #keep(tokens) {
    this.#tokens = tokens;
    this.#options.onTokens?.(tokens && { ...tokens });
  }

  /** @param {string} access a token that was made just now */
  #skewOf(access) {
    const { iat } = claimsOf(access);
    const skew = iat ? iat * 1000 - this.#clock.now() : 0;
    // It is in whole seconds and was a while on its way.
    return Math.abs(skew) < 3_000 ? 0 : skew;
  }

  /** When to exchange the token, by our clock: a minute before its end, or a third of a short life. */
  #dueAt() {
    const { exp, iat } = claimsOf(this.#tokens?.access_token);
    if (!exp) return Infinity;
    const life = iat ? (exp - iat) * 1000 : Infinity;
    return exp * 1000 - this.#skew - Math.min(60_000, life / 3);
  }

  #expired() {
    const { exp } = claimsOf(this.#tokens?.access_token);
    return exp !== undefined && exp * 1000 - this.#skew <= this.#clock.now();
  }

  /** An access token that is good as far as we know, and not `refused`. @param {string | null} [refused] */
  async #token(refused = null) {
    const access = this.#tokens?.access_token;
    if (!access || access === refused) await this.#renew(access);
    else if (this.#dueAt() <= this.#clock.now()) {
      // The old one may still do if the new one can't be had just now.
      await this.#renew(access).catch((error) => {
        if (error.status === 401 || error.code === "banned" || this.#expired()) throw error;
      });
    }
    if (!this.#tokens) throw signedOut();
    return this.#tokens.access_token;
  }

  /** Another token than this one, the present one; one exchange at a time. @param {string | undefined} old */
  #renew(old) {
    this.#renewing ??= this.#exclusively(() => this.#exchange(old)).finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  /** Tabs that share their tokens take turns. @param {() => Promise<void>} exchange */
  async #exclusively(exchange) {
    const locks = this.#options.loadTokens && globalThis.navigator?.locks;
    if (locks) await locks.request(`messenger ${this.#base}`, exchange);
    else await exchange();
  }

  /** @param {string | undefined} old */
  async #exchange(old) {
    let before = this.#tokens;
    // Meanwhile the application may have signed out, or somebody else in.
    const overtaken = () => this.#tokens !== before;
    try {
      if (this.#options.getToken) {
        const access = await this.#options.getToken({ refused: old ?? null });
        if (!access || access === old) throw signedOut();
        if (!overtaken()) this.#keep({ access_token: access, refresh_token: null });
      } else if (!(await this.#adopt(old))) {
        before = this.#tokens;
        const refresh = before?.refresh_token;
        if (!refresh) throw signedOut();
        const pair = await this.#request("POST", "/auth/refresh", { body: { refresh_token: refresh }, anonymous: true });
        if (overtaken()) return;
        this.#skew = this.#skewOf(pair.access_token);
        this.#keep({ access_token: pair.access_token, refresh_token: pair.refresh_token });
      }
    } catch (cause) {
      const error = /** @type {MessengerError} */ (cause);
      if (overtaken() || (error.status !== 401 && error.code !== "banned")) throw error;
      // Another tab may have been quicker.
      if (!(await this.#adopt(before?.access_token))) {
        this.#keep(null);
        this.#stop(error.code === "banned" ? "banned" : "signedOut", error);
        throw error;
      }
    }
    this.#tellToken();
  }

  /** Take over what another tab has exchanged and kept. @param {string | undefined} old */
  async #adopt(old) {
    const kept = await this.#options.loadTokens?.();
    if (!kept || kept.access_token === (old ?? this.#tokens?.access_token)) return false;
    this.#tokens = { ...kept };
    return !this.#expired();
  }

  /** The open socket goes on with the new token; and the next one is due some day. */
  #tellToken() {
    this.#planRenewal(TIMES.refused);
    if (this.#state !== "online" && this.#state !== "syncing") return;
    this.#call("auth.refresh", { token: this.#tokens?.access_token }, (error) => {
      if (!error || error.code === "disconnected") return;
      if (error.status === 429 || error.status >= 500) this.#after("auth", this.#pauseAfter(error, 1), () => this.#tellToken());
      else this.#lost(4401);
    });
  }

  /** @param {number} [least] milliseconds from now, whatever the clocks say */
  #planRenewal(least = 0) {
    const due = this.#dueAt() - this.#clock.now();
    if (!this.#wanted || due === Infinity) return;
    this.#after("renew", Math.max(least, due * (1 - this.#random() / 50)), () => {
      this.#renew(this.#tokens?.access_token).catch(() => {
        if (this.#wanted) this.#planRenewal(TIMES.refused);
      });
    });
  }

  // --- REST ------------------------------------------------------------------------------------

  /**
   * One call: signed in unless it is `anonymous`, once more after a 401 with a fresh token, and again
   * later if the server asks for it and the call may be repeated.
   * @param {string} method @param {string} path
   * @param {{query?: Record<string, any>, body?: any, key?: string, anonymous?: boolean, signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  async #request(method, path, { query = {}, body, key, anonymous = false, signal } = {}) {
    /** @type {string | null} */ let refused = null;
    for (let tries = 0; ; tries++) {
      /** @type {string | null} */ const token = anonymous ? null : await this.#token(refused);
      try {
        return await this.#fetch(method, path, { query, body, key, token, signal });
      } catch (cause) {
        const error = /** @type {MessengerError} */ (cause);
        if (error.status === 401 && token && refused === null) {
          refused = token;
          continue;
        }
        const passing = (error.status === 429 || error.status === 503) && error.retryAfter !== null;
        const soon = (error.retryAfter ?? 0) * 1000 <= TIMES.longestWait;
        if (!passing || !soon || !(method === "GET" || key) || tries >= REPEATS) throw error;
        await this.#sleep(this.#pauseAfter(error, tries), signal);
      }
    }
  }

  /** @param {string} method @param {string} path @param {any} options */
  async #fetch(method, path, { query, body, key, token, signal }) {
    const url = new URL(this.#base + API + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
    }
    const headers = /** @type {Record<string, string>} */ ({ Accept: "application/json" });
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    if (key) headers["Idempotency-Key"] = key;
    const abort = new AbortController();
    const giveUp = () => abort.abort();
    const timer = this.#clock.setTimeout(giveUp, TIMES.request);
    signal?.addEventListener("abort", giveUp);
    if (signal?.aborted) giveUp();
    let response, text;
    try {
      const json = body === undefined ? undefined : JSON.stringify(body);
      const how = { method, headers, body: json, signal: abort.signal, credentials: "omit", cache: "no-store" };
      response = await this.#http(url.href, how);
      text = await response.text();
    } catch (error) {
      throw new MessengerError({ code: abort.signal.aborted ? "timeout" : "network", detail: String(error) });
    } finally {
      this.#clock.clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
    if (!response.ok) throw errorOf(response.status, text, response.headers);
    return text ? JSON.parse(text) : null;
  }

  /** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
  #sleep(ms, signal) {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(done, ms);
      const clock = this.#clock;
      function done() {
        clock.clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      }
      signal?.addEventListener("abort", done);
    });
  }

  /** Who is signed in. @returns {Promise<Types.Me>} */
  me() {
    return this.#request("GET", "/auth/me");
  }

  /** @returns {Promise<Types.Ticket>} */
  ticket() {
    return this.#request("POST", "/auth/ws-ticket");
  }

  /** Oneself and all chats, from one snapshot. `connect` asks for it by itself. @returns {Promise<Types.Sync>} */
  sync() {
    return this.#request("GET", "/sync");
  }

  /** A page of the chats, latest activity first. @param {{limit?: number, cursor?: string | null}} [page] @returns {Promise<Types.ChatPage>} */
  chats({ limit, cursor } = {}) {
    return this.#request("GET", "/chats", { query: { limit, cursor } });
  }

  /** @param {Types.NewChat} chat @returns {Promise<Types.WholeChat>} */
  createChat({ type, name, description, isOpen, userIds }) {
    return this.#request("POST", "/chats", { body: { type, name, description, is_open: isOpen, user_ids: userIds } });
  }

  /** @param {Types.Id} id @returns {Promise<Types.WholeChat>} */
  chat(id) {
    return this.#request("GET", `/chats/${segment(id)}`);
  }

  /** @param {Types.Id} id @param {{name?: string, description?: string, isOpen?: boolean, slowMode?: number}} changes @returns {Promise<Types.WholeChat>} */
  updateChat(id, { name, description, isOpen, slowMode }) {
    const body = { name, description, is_open: isOpen, slow_mode: slowMode };
    return this.#request("PATCH", `/chats/${segment(id)}`, { body });
  }

  /** @param {Types.Id} id @returns {Promise<null>} */
  deleteChat(id) {
    return this.#request("DELETE", `/chats/${segment(id)}`);
  }

  /** @param {Types.Id} chatId @returns {Promise<Types.Member[]>} */
  async members(chatId) {
    return (await this.#request("GET", `/chats/${segment(chatId)}/members`)).members;
  }

  /** @param {Types.Id} chatId @param {Types.Id} userId @returns {Promise<Types.Member>} */
  addMember(chatId, userId) {
    return this.#request("POST", `/chats/${segment(chatId)}/members`, { body: { user_id: userId } });
  }

  /** @param {Types.Id} chatId @param {Types.Id} userId @param {Types.Role} role @returns {Promise<Types.Member>} */
  setRole(chatId, userId, role) {
    return this.#request("PATCH", `/chats/${segment(chatId)}/members/${segment(userId)}`, { body: { role } });
  }

  /** @param {Types.Id} chatId @param {Types.Id} userId @returns {Promise<null>} */
  removeMember(chatId, userId) {
    return this.#request("DELETE", `/chats/${segment(chatId)}/members/${segment(userId)}`);
  }

  /** Come into an open group. @param {Types.Id} chatId @returns {Promise<Types.WholeChat>} */
  join(chatId) {
    return this.#request("POST", `/chats/${segment(chatId)}/join`);
  }

  /** @param {Types.Id} chatId @returns {Promise<null>} */
  leave(chatId) {
    return this.#request("POST", `/chats/${segment(chatId)}/leave`);
  }

  /** Everything up to this message is read. @param {Types.Id} chatId @param {Types.Id} messageId @returns {Promise<Types.ReadUpTo>} */
  readUpTo(chatId, messageId) {
    return this.#request("POST", `/chats/${segment(chatId)}/read`, { body: { up_to_message_id: messageId } });
  }

  /** The changes to a chat after one of them. @param {Types.Id} chatId @param {{afterSeq?: number, limit?: number}} [page] @returns {Promise<Types.EventPage>} */
  events(chatId, { afterSeq = 0, limit } = {}) {
    return this.#request("GET", `/chats/${segment(chatId)}/events`, { query: { after_seq: afterSeq, limit } });
  }

  /**
   * A page of messages, newest first: the newest of all, or before, after or around one.
   * @param {Types.PageOfMessages} page @returns {Promise<Types.MessagePage>}
   */
  messages({ chatId, limit, beforeId, afterId, aroundId }) {
    const query = { chat_id: chatId, limit, before_id: beforeId, after_id: afterId, around_id: aroundId };
    return this.#request("GET", "/messages", { query });
  }

  /**
   * Page after page of a chat, backwards from the newest message or from `beforeId`.
   * @param {Types.Id} chatId @param {{limit?: number, beforeId?: Types.Id}} [options]
   * @returns {AsyncGenerator<Types.Message[], void, void>}
   */
  async *history(chatId, { limit, beforeId } = {}) {
    for (;;) {
      const page = await this.messages({ chatId, limit, beforeId });
      if (page.messages.length) yield page.messages;
      if (!page.has_more || page.next_cursor === null) return;
      beforeId = page.next_cursor;
    }
  }

  /** @param {Types.Id} id @returns {Promise<Types.Message>} */
  message(id) {
    return this.#request("GET", `/messages/${segment(id)}`);
  }

  /**
   * Send over REST, for programs that keep no socket; `send` is for all others.
   * @param {Types.NewMessage} message @returns {Promise<Types.Message>}
   */
  postMessage({ chatId, content, type, payload, replyToId, key = randomKey() }) {
    const body = { chat_id: chatId, type, content, payload, reply_to_id: replyToId };
    return this.#request("POST", "/messages", { body, key });
  }

  /** @param {Types.Id} id @returns {Promise<null>} */
  deleteMessage(id) {
    return this.#request("DELETE", `/messages/${segment(id)}`);
  }

  /** Another text for one's own message. @param {Types.Id} id @param {string} content @returns {Promise<Types.Edited>} */
  editMessage(id, content) {
    return this.#request("PUT", `/messages/${segment(id)}/edit`, { body: { content } });
  }

  /** What has become of a message, and who has read it. @param {Types.Id} id @returns {Promise<Types.MessageStatus>} */
  messageStatus(id) {
    return this.#request("GET", `/messages/${segment(id)}/status`);
  }

  /** @param {Types.Id} messageId @param {string} emoji @returns {Promise<Types.Reaction>} */
  addReaction(messageId, emoji) {
    return this.#request("POST", `/messages/${segment(messageId)}/reactions`, { body: { emoji } });
  }

  /** @param {Types.Id} messageId @param {string} emoji @returns {Promise<null>} */
  removeReaction(messageId, emoji) {
    return this.#request("DELETE", `/messages/${segment(messageId)}/reactions/${segment(emoji)}`);
  }

  /** @param {{search?: string, limit?: number, cursor?: string | null}} [page] @returns {Promise<Types.UserPage>} */
  users({ search, limit, cursor } = {}) {
    return this.#request("GET", "/users", { query: { search, limit, cursor } });
  }

  /** @param {Types.Id} id @returns {Promise<Types.User>} */
  user(id) {
    return this.#request("GET", `/users/${segment(id)}`);
  }

  /** Whether somebody is there. @param {Types.Id | "me"} [userId] @returns {Promise<Types.Presence>} */
  presence(userId = "me") {
    return this.#request("GET", `/presence/${segment(userId)}`);
  }

  /** Online for five minutes, without a socket. @returns {Promise<null>} */
  heartbeat() {
    return this.#request("POST", "/presence/heartbeat");
  }

  /** The others who are typing. @param {Types.Id} chatId @returns {Promise<number[]>} */
  whoTypes(chatId) {
    return this.#request("GET", `/presence/typing/${segment(chatId)}`);
  }

  /**
   * Tell the moderators of a message or of a person; of a person in a chat with `chatId`.
   * @param {Types.NewReport} report @returns {Promise<Types.Report>}
   */
  report({ messageId, userId, chatId, reason, comment }) {
    const body = { message_id: messageId, user_id: userId, chat_id: chatId, reason, comment };
    return this.#request("POST", "/reports", { body });
  }

  /** Neither writes to the other from now on, nor sees whether they are there. @param {Types.Id} userId @returns {Promise<Types.Block>} */
  block(userId) {
    return this.#request("POST", "/blocks", { body: { user_id: userId } });
  }

  /** @param {Types.Id} userId @returns {Promise<null>} */
  unblock(userId) {
    return this.#request("DELETE", `/blocks/${segment(userId)}`);
  }

  /** Whom one has blocked, the latest first. @param {{limit?: number, cursor?: string | null}} [page] @returns {Promise<Types.BlockPage>} */
  blocks({ limit, cursor } = {}) {
    return this.#request("GET", "/blocks", { query: { limit, cursor } });
  }

  /** What moderators decided about oneself, the latest first. @param {{limit?: number, cursor?: string | null}} [page] @returns {Promise<Types.DecisionPage>} */
  decisions({ limit, cursor } = {}) {
    return this.#request("GET", "/me/decisions", { query: { limit, cursor } });
  }

  /** Ask for another look at a decision, once. @param {number} decisionId @param {string} text @returns {Promise<Types.Appeal>} */
  appeal(decisionId, text) {
    return this.#request("POST", "/me/appeals", { body: { decision_id: decisionId, text } });
  }

  /** Everything that is kept about oneself. @returns {Promise<Types.Json>} */
  exportData() {
    return this.#request("GET", "/me/export");
  }

  /**
   * Delete one's own account, for good; with `messages` what one wrote, too.
   * @param {string} password @param {{messages?: boolean}} [options] @returns {Promise<null>}
   */
  deleteAccount(password, { messages } = {}) {
    return this.#request("DELETE", "/me", { body: { password, messages } });
  }

  // --- the connection --------------------------------------------------------------------------

  /** Be online from now on. Resolves the first time it is; rejects if it can't ever be. @returns {Promise<void>} */
  connect() {
    if (!this.#wanted) {
      if (!(this.#options.WebSocket ?? globalThis.WebSocket)) throw new TypeError("Say which WebSocket to use: here is none.");
      this.#wanted = deferred();
      this.#attempts = 0;
      for (const name of ["online", "offline"]) this.#network?.addEventListener?.(name, this.#nudge);
      this.#attempt();
    }
    return this.#wanted.promise;
  }

  /** End the connection and all timers. What is unsent stays queued for the next `connect`. */
  close() {
    this.#end(new MessengerError({ code: "closed", detail: "The client was closed." }));
  }

  /** @returns {any} who tells of `online` and `offline` */
  get #network() {
    return this.#options.network ?? globalThis;
  }

  /** The browser says that something changed about the network: look at once. */
  #nudge = (/** @type {{type: string}} */ { type }) => {
    if (this.#socket) this.#probe();
    else if (type === "online" && this.#timers.has("retry")) {
      this.#after("retry", this.#random() * TIMES.firstRetry, () => this.#attempt());
    }
  };

  /** @param {Types.State} state @param {number} [retryIn] */
  #setState(state, retryIn) {
    if (state === this.#state && retryIn === undefined) return;
    this.#state = state;
    this.#emit("state", retryIn === undefined ? { state } : { state, retryIn });
  }

  /** Token, snapshot if there is none yet, socket; `#opened` goes on from there. */
  async #attempt() {
    const run = ++this.#run;
    const { signal } = (this.#abort = new AbortController());
    this.#setState("connecting");
    try {
      const refused = this.#refused;
      let token = await this.#token(refused);
      if (run !== this.#run) return;
      this.#refused = null;
      if (!this.#synced) {
        const found = await this.#request("GET", "/sync", { signal });
        if (run !== this.#run) return;
        this.#begin(found);
        token = await this.#token();
      }
      let ticket = null;
      if (this.#options.ticket) ({ ticket } = await this.#request("POST", "/auth/ws-ticket", { signal }));
      if (run !== this.#run) return;
      this.#open(token, ticket);
    } catch (error) {
      if (run === this.#run) this.#lost(0, /** @type {MessengerError} */ (error));
    }
  }

  /** @param {Types.Sync} found */
  #begin({ user, chats }) {
    this.#user = user;
    for (const chat of chats) this.#seqs.set(chat.id, chat.seq);
    this.#synced = true;
    this.#emit("synced", { user, chats });
  }

  /** @param {string} token @param {string | null} ticket */
  #open(token, ticket) {
    const WebSocket = this.#options.WebSocket ?? globalThis.WebSocket;
    const url = `${this.#base.replace(/^http/, "ws")}${API}/ws`;
    const socket = ticket
      ? new WebSocket(`${url}?ticket=${segment(ticket)}`)
      : new WebSocket(url, ["bearer", token]);
    this.#socket = socket;
    this.#after("open", TIMES.answer, () => this.#lost(0));
    socket.onopen = () => this.#opened();
    socket.onmessage = (/** @type {{data: unknown}} */ e) => this.#receive(e.data);
    socket.onclose = (/** @type {{code: number}} */ e) => this.#lost(e.code, null, token);
    // A close event comes after it, but not in every Node.
    socket.onerror = () => this.#after("open", TIMES.soon, () => this.#lost(1006));
  }

  #opened() {
    this.#cancel("open");
    this.#setState("syncing");
    this.#heardAt = this.#clock.now();
    this.#watch();
    const known = [...this.#seqs.keys()];
    let waiting = 0;
    // Also without a chat: it tells of those that are new.
    for (let at = 0; at === 0 || at < known.length; at += RESUME_MOST) {
      waiting++;
      this.#resume(known.slice(at, at + RESUME_MOST), () => {
        if (!--waiting) this.#online();
      });
    }
  }

  #online() {
    this.#onlineAt = this.#clock.now();
    this.#setState("online");
    this.#planRenewal();
    if (this.#presence === "away") this.#call("presence.set", { status: "away" }, () => {});
    for (const chatId of this.#outbox.keys()) this.#flush(chatId);
    this.#wanted?.resolve();
  }

  /** Whatever belonged to this connection is void. */
  #tearDown() {
    const socket = this.#socket;
    if (this.#state === "online" && this.#clock.now() - this.#onlineAt > TIMES.steady) this.#attempts = 0;
    this.#run++;
    this.#abort.abort();
    this.#socket = null;
    if (socket) {
      // Not waited for: on a dead network its closing takes minutes.
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.onerror = () => {};
      socket.close();
    }
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
    this.#resuming.clear();
    this.#loading.clear();
    this.#typing.clear();
    const commands = [...this.#commands.values()];
    this.#commands.clear();
    for (const { done } of commands) done(disconnected());
    for (const items of this.#outbox.values()) for (const item of items) item.waits = false;
  }

  /** @param {number} code @param {MessengerError | null} [error] @param {string | null} [token] */
  #lost(code, error = null, token = null) {
    this.#tearDown();
    if (!this.#wanted) return;
    if (code === 4403 || error?.code === "banned") {
      return this.#stop("banned", error ?? new MessengerError({ code: "banned" }));
    }
    if (code === 4401) this.#refused = token ?? this.#tokens?.access_token ?? null;
    const pause = this.#pauseBefore(code, error);
    this.#after("retry", pause, () => this.#attempt());
    this.#setState("offline", pause);
  }

  /** @param {number} code @param {MessengerError | null} error */
  #pauseBefore(code, error) {
    const tries = this.#attempts++;
    if (tries === 0 && WELCOME.has(code)) return this.#random() * TIMES.soon;
    const jitter = this.#random() * Math.min(TIMES.lastRetry, TIMES.firstRetry * 2 ** tries);
    const least = code === 4429 ? TIMES.refused * (tries + 1) : (error?.retryAfter ?? 0) * 1000;
    return Math.min(least, 2 * TIMES.lastRetry) + jitter;
  }

  /** @param {"signedOut" | "banned"} why @param {MessengerError} error */
  #stop(why, error) {
    this.#end(error);
    this.#emit(why, { error });
  }

  /** @param {MessengerError} error */
  #end(error) {
    const wanted = this.#wanted;
    this.#wanted = null;
    this.#refused = null;
    for (const name of ["online", "offline"]) this.#network?.removeEventListener?.(name, this.#nudge);
    this.#tearDown();
    this.#setState("offline");
    wanted?.reject(error);
  }

  /** Somebody else signed in. */
  #forgetEverything() {
    const wanted = this.#wanted;
    this.close();
    for (const item of this.pending) this.#fail(/** @type {Pending} */ (item), signedOut());
    for (const kept of [this.#seqs, this.#held, this.#acked, this.#outbox]) kept.clear();
    this.#user = null;
    this.#synced = false;
    if (wanted) this.connect();
  }

  /** Ask whether the server is there when it has been silent for long. */
  #watch() {
    const silent = this.#clock.now() - this.#heardAt;
    if (silent >= TIMES.silence) this.#probe();
    else this.#after("watch", TIMES.silence - silent, () => this.#watch());
  }

  #probe() {
    if (this.#timers.has("probe") || this.#timers.has("open")) return;
    const before = this.#heard;
    // Any answer will do. (A `heartbeat` would say that somebody is looking.)
    this.#call("ping", {}, () => {});
    this.#after("probe", TIMES.probe, () => (this.#heard === before ? this.#lost(0) : this.#watch()));
  }

  // --- frames ----------------------------------------------------------------------------------

  /**
   * Give a command over the socket, for what there is no method for: the `data` of its ack.
   * @param {string} event @param {Record<string, any>} [data] @returns {Promise<any>}
   */
  command(event, data = {}) {
    return new Promise((resolve, reject) => {
      this.#call(event, data, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  }

  /**
   * `done` is called at once when the answer comes, before the frame after it.
   * @param {string} event @param {Record<string, any>} data @param {(error: MessengerError | null, data?: any) => void} done
   */
  #call(event, data, done) {
    if (this.#socket?.readyState !== 1) return done(offline());
    const id = ++this.#lastRequest;
    const text = JSON.stringify({ event, data, request_id: id });
    this.#commands.set(id, { event, size: text.length, heard: this.#heard, done });
    this.#after(`answer ${id}`, TIMES.answer, () => this.#unanswered(id));
    this.#socket.send(text);
  }

  /** @param {number} id */
  #unanswered(id) {
    const command = this.#commands.get(id);
    if (!command) return;
    if (command.event === "resume" && command.heard !== this.#heard) {
      // It is being answered, with many frames.
      command.heard = this.#heard;
      return this.#after(`answer ${id}`, TIMES.answer, () => this.#unanswered(id));
    }
    this.#commands.delete(id);
    this.#lost(0);
    command.done(new MessengerError({ code: "timeout", detail: "The server did not answer." }));
  }

  /** @param {number} id @param {MessengerError | null} error @param {any} [data] */
  #settle(id, error, data) {
    const command = this.#commands.get(id);
    if (!command) return;
    this.#commands.delete(id);
    this.#cancel(`answer ${id}`);
    command.done(error, data);
  }

  /** @param {unknown} text */
  #receive(text) {
    this.#heard++;
    this.#heardAt = this.#clock.now();
    const frame = typeof text === "string" ? parsed(text) : null;
    if (!frame || typeof frame.event !== "string") return;
    const { event, data, request_id: id } = frame;
    if (event === "ack" || event === "resumed") this.#settle(id, null, data);
    else if (event === "error") id == null ? this.#blame(errorFrom(data)) : this.#settle(id, errorFrom(data));
    else if (event === "reset") this.#reload(data.chat_id, data.reason);
    else if (typeof frame.seq === "number") this.#take(frame);
    else this.#emit(event, { data });
  }

  /**
   * An error that does not say which command it answers: the server did not read so far. If it was
   * too large or no JSON to it, that was the largest under way; else it may be any of them.
   * @param {MessengerError} error
   */
  #blame(error) {
    const ids = [...this.#commands.keys()];
    if (error.status === 429) {
      error.vague = true;
      for (const id of ids) this.#settle(id, error);
    } else if (ids.length) {
      const size = (/** @type {number} */ id) => this.#commands.get(id)?.size ?? 0;
      this.#settle(ids.reduce((most, id) => (size(id) > size(most) ? id : most)), error);
    }
  }

  // --- the stream of each chat -----------------------------------------------------------------

  /**
   * A change to a chat: the next one is told, one that was seen is not, and before one that is not
   * the next something is missing. @param {any} frame
   */
  #take(frame) {
    const { chat_id: id, seq, prev_seq: before } = frame;
    const loading = this.#loading.get(id);
    if (loading) return void loading.push(frame);
    const known = this.#seqs.get(id);
    if (known === undefined) {
      // Of any other chat that is not known we hear in `resumed`, or it has been left.
      if (frame.event !== "chat.created") return;
    } else if (seq <= known) return;
    else if (before !== known) {
      if (!this.#resuming.has(id)) this.#resume([id]);
      return;
    }
    const { event, data } = frame;
    const gone = event === "chat.deleted" || (event === "member.left" && data.user_id === this.userId);
    if (gone) this.#seqs.delete(id);
    else this.#seqs.set(id, seq);
    this.#tell(frame);
  }

  /** @param {number[]} ids @param {() => void} [then] */
  #resume(ids, then = () => {}) {
    const chats = Object.fromEntries(ids.filter((id) => this.#seqs.has(id)).map((id) => [id, this.#seqs.get(id)]));
    for (const id of ids) this.#resuming.add(id);
    this.#call("resume", { chats }, (error, data) => {
      if (error?.code === "disconnected") return;
      if (error && error.status !== 429) return this.#lost(0, error);
      if (error) return this.#after(`resume ${ids[0]}`, this.#pauseAfter(error, 1), () => this.#resume(ids, then));
      for (const id of ids) this.#resuming.delete(id);
      for (const [key, seq] of Object.entries(data.chats)) {
        const known = this.#seqs.get(Number(key));
        if (known !== undefined && known < seq) this.#seqs.set(Number(key), seq);
      }
      for (const id of data.new) if (!this.#seqs.has(id)) this.#reload(id, "new");
      then();
    });
  }

  /** A chat is to be loaded anew; one after the other. @param {number} id @param {Types.ResetReason} reason */
  #reload(id, reason) {
    if (this.#loading.has(id)) return;
    this.#seqs.delete(id);
    this.#held.delete(id);
    if (reason === "not_found") return this.#reset(id, reason, null);
    this.#loading.set(id, []);
    const run = this.#run;
    const { signal } = this.#abort;
    this.#loads = this.#loads.then(async () => {
      if (run !== this.#run) return;
      try {
        const chat = await this.#request("GET", `/chats/${id}`, { signal });
        if (run === this.#run) this.#reset(id, reason, chat);
      } catch (cause) {
        const error = /** @type {MessengerError} */ (cause);
        if (run !== this.#run) return;
        if (error.status === 404 || error.status === 403) this.#reset(id, reason, null);
        // The next connection tells of it as of a new chat.
        else this.#lost(0, error);
      }
    });
  }

  /** @param {number} id @param {Types.ResetReason} reason @param {Types.WholeChat | null} chat */
  #reset(id, reason, chat) {
    const frames = this.#loading.get(id) ?? [];
    this.#loading.delete(id);
    if (chat) this.#seqs.set(id, chat.seq);
    this.#emit("reset", { chatId: id, reason, chat });
    for (const frame of frames) this.#take(frame);
  }

  /**
   * Tell of a change, behind those before it. One's own message may come before the `ack` that says
   * which of those on their way it is: then it waits, and what comes after it too. @param {any} frame
   */
  #tell(frame) {
    const held = this.#held.get(frame.chat_id);
    if (held) held.push(frame);
    else if (this.#isUnclear(frame)) this.#held.set(frame.chat_id, [frame]);
    else this.#emitChange(frame);
  }

  /** @param {any} frame */
  #isUnclear({ event, chat_id: chatId, data }) {
    if (event !== "message.created" || data.author_id !== this.userId || this.#acked.has(data.id)) return false;
    return (this.#outbox.get(chatId) ?? []).some((item) => item.uncertain);
  }

  /** @param {number} chatId */
  #release(chatId) {
    const held = this.#held.get(chatId);
    while (held?.length && !this.#isUnclear(held[0])) this.#emitChange(held.shift());
    if (!held?.length) this.#held.delete(chatId);
  }

  /** @param {any} frame */
  #emitChange({ event, chat_id: chatId, seq, data }) {
    const localId = event === "message.created" ? this.#acked.get(data.id) : undefined;
    if (localId !== undefined) this.#acked.delete(data.id);
    this.#emit(event, localId === undefined ? { chatId, seq, data } : { chatId, seq, data, localId });
  }

  // --- sending ---------------------------------------------------------------------------------

  /**
   * Send a message: at once, or as soon as there is a connection, exactly once, after what was sent
   * to this chat before. @param {Types.NewMessage} message @returns {Types.Pending}
   */
  send({ chatId, content = null, type = "text", payload = null, replyToId = null, key = randomKey() }) {
    const words = { chat_id: wholeId(chatId), type, content, payload, reply_to_id: replyToId };
    const draft = { ...words, id: null, author_id: this.userId, ts: new Date(this.#clock.now() + this.#skew).toISOString() };
    const item = new Pending(key, words, draft, {
      retry: (failed) => {
        if (failed.status !== "failed") return;
        failed.outcome = deferred();
        this.#enqueue(failed);
      },
      drop: (unwanted) => {
        if (unwanted.status !== "failed" && (unwanted.status !== "queued" || unwanted.uncertain)) return false;
        this.#withdraw(unwanted, "dropped");
        unwanted.outcome.reject(new MessengerError({ code: "dropped", detail: "It was taken back." }));
        return true;
      },
    });
    this.#stopTyping(item.chatId);
    this.#enqueue(item);
    return item;
  }

  /** @param {Pending} item */
  #enqueue(item) {
    item.status = "queued";
    item.error = null;
    item.troubles = 0;
    this.#outbox.set(item.chatId, [...(this.#outbox.get(item.chatId) ?? []), item]);
    this.#emit("pending", { localId: item.localId, chatId: item.chatId, message: item.message, item });
    this.#flush(item.chatId);
  }

  /** One after the other: with two on their way the first might be refused for now, and come last. @param {number} chatId */
  #flush(chatId) {
    const item = this.#outbox.get(chatId)?.[0];
    if (!item || item.asked || item.waits || !this.#socket || this.#state !== "online") return;
    item.asked = true;
    item.uncertain = true;
    item.status = "sending";
    const data = { ...item.body, client_message_id: item.localId };
    this.#call("message.send", data, (error, message) => this.#answered(item, error, message));
  }

  /** @param {Pending} item @param {MessengerError | null} error @param {Types.Message} message */
  #answered(item, error, message) {
    item.asked = false;
    if (!error) this.#stored(item, message);
    else if (error.status === 0 || error.vague) this.#unknown(item, error);
    else if (comesAgain(error, error.status === 500 || error.code === "slow_mode" ? ++item.troubles : 0)) {
      item.uncertain = item.lost;
      this.#sendLater(item, error);
    } else this.#fail(item, error);
    this.#release(item.chatId);
    this.#flush(item.chatId);
  }

  /** Nobody knows whether it arrived: it comes again, under the same key. @param {Pending} item @param {MessengerError} error */
  #unknown(item, error) {
    item.status = "queued";
    // `offline`: it was not even sent.
    if (error.code === "offline") item.uncertain = item.lost;
    else item.lost = true;
    if (error.code === "timeout" && ++item.troubles > REPEATS) this.#fail(item, error);
    else if (error.vague) this.#sendLater(item, error);
    else item.waits = error.code === "offline";
  }

  /** @param {Pending} item @param {MessengerError} error */
  #sendLater(item, error) {
    item.status = "queued";
    item.waits = true;
    if (error.code === "slow_mode") this.#emit("delayed", { localId: item.localId, chatId: item.chatId, error, item });
    this.#after(`send ${item.localId}`, this.#pauseAfter(error, item.troubles), () => {
      item.waits = false;
      this.#flush(item.chatId);
    });
  }

  /** @param {Pending} item @param {Types.Message} message */
  #stored(item, message) {
    const { chatId, localId } = item;
    this.#withdraw(item, "sent");
    item.uncertain = false;
    this.#acked.set(message.id, localId);
    this.#emit("sent", { localId, chatId, message });
    item.outcome.resolve(message);
  }

  /** @param {Pending} item @param {MessengerError} error */
  #fail(item, error) {
    this.#withdraw(item, "failed");
    item.error = error;
    this.#emit("failed", { localId: item.localId, chatId: item.chatId, error, item });
    item.outcome.reject(error);
  }

  /** @param {Pending} item @param {"sent" | "failed" | "dropped"} status */
  #withdraw(item, status) {
    item.status = status;
    this.#cancel(`send ${item.localId}`);
    const rest = (this.#outbox.get(item.chatId) ?? []).filter((other) => other !== item);
    if (rest.length) this.#outbox.set(item.chatId, rest);
    else this.#outbox.delete(item.chatId);
    if (status === "dropped") this.#flush(item.chatId);
  }

  // --- reading, presence and typing ------------------------------------------------------------

  /** One message is read, and not those before it. Needs the connection. @param {Types.Id} messageId @returns {Promise<Types.Receipt>} */
  readMessage(messageId) {
    return this.command("message.read", { message_id: messageId });
  }

  /**
   * "away" while nobody is looking, remembered over reconnections; "online" when somebody does, as
   * often as you like. The server takes a socket without a word for ten minutes for away by itself.
   * @param {"online" | "away"} status
   */
  setPresence(status) {
    const now = this.#clock.now();
    if (status === this.#presence && now - this.#presenceAt < TIMES.presenceAgain) return;
    this.#presence = status;
    if (this.#state !== "online") return;
    this.#presenceAt = now;
    this.#call("presence.set", { status }, () => {});
  }

  /**
   * To be called at every key that is pressed: the others hear of it every 3 s, and that it is over
   * after 4 s without a call, with a message, or with `false`.
   * @param {number | string} chatId @param {boolean} [isTyping]
   */
  typing(chatId, isTyping = true) {
    const id = wholeId(chatId);
    if (!isTyping) return this.#stopTyping(id);
    if (this.#state !== "online") return;
    const now = this.#clock.now();
    const said = this.#typing.get(id);
    if (said === undefined || now - said >= TIMES.typingAgain) {
      this.#typing.set(id, now);
      this.#call("typing", { chat_id: id, is_typing: true }, () => {});
    }
    this.#after(`typing ${id}`, TIMES.typingEnds, () => this.#stopTyping(id));
  }

  /** @param {number} id */
  #stopTyping(id) {
    this.#cancel(`typing ${id}`);
    if (this.#typing.delete(id)) this.#call("typing", { chat_id: id, is_typing: false }, () => {});
  }
}
