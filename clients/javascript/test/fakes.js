// A clock, a server and its sockets that do what a test says, when it says so.
import { Messenger } from "../messenger.js";

/** All that is ready to happen has happened. */
export async function settle() {
  for (let round = 0; round < 8; round++) await turn();
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

export class Clock {
  time = 1_700_000_000_000;
  timers = new Map();
  last = 0;
  now = () => this.time;
  setTimeout = (run, ms) => {
    this.timers.set(++this.last, { at: this.time + ms, run });
    return this.last;
  };
  clearTimeout = (id) => this.timers.delete(id);

  /** Let so many milliseconds pass. */
  async tick(ms) {
    const until = this.time + ms;
    await settle();
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].run();
      await settle();
    }
    this.time = until;
  }
}

/** A token of user 1 with so many seconds to live. */
export function jwt(clock, { life = 900, user = 1, name = "" } = {}) {
  const iat = Math.floor(clock.now() / 1000);
  const claims = { user_id: user, iat, exp: iat + life, jti: name || Math.random() };
  return `h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.s`;
}

export class Server {
  /** Every call over REST: {method, path, query, body, headers}. */
  calls = [];
  /** What `path` answers instead, each once: {status, body, headers} or an Error. */
  answers = [];
  sockets = [];
  /** Whether sockets open, and resumes and pings are answered, by themselves. */
  opens = true;
  resumes = true;
  pongs = true;
  user = { id: 1, uuid: "u1", username: "alice", name: "Alice" };
  chats = [{ id: 5, uuid: "c5", seq: 10 }];

  constructor(clock) {
    this.clock = clock;
    const server = this;
    this.WebSocket = class {
      constructor(url, protocols) {
        Object.assign(this, { url, protocols, readyState: 0, sent: [], all: [], closedBy: null });
        server.sockets.push(this);
        if (server.opens) queueMicrotask(() => this.open());
      }
      open() {
        if (this.readyState) return;
        this.readyState = 1;
        this.onopen?.();
      }
      send(text) {
        const frame = JSON.parse(text);
        this.all.push(frame);
        if (frame.event === "resume" && server.resumes) {
          const named = Object.fromEntries(Object.entries(frame.data.chats));
          this.says({ event: "resumed", data: { chats: named, new: [] }, request_id: frame.request_id });
        } else if (frame.event === "ping" && server.pongs) this.acks(frame);
        else {
          this.sent.push(frame);
          if (frame.event === "typing" || frame.event === "presence.set") this.acks(frame);
        }
      }
      close(code = 1000) {
        this.readyState = 3;
        this.closedBy = "client";
        this.code = code;
      }
      /** The server sends a frame. */
      says(frame) {
        this.onmessage?.({ data: JSON.stringify(frame) });
      }
      /** The server sends a change to chat 5, the one after `seq - 1` unless told. */
      tells(event, seq, data = {}, prev_seq = seq - 1, chat_id = 5) {
        this.says({ event, chat_id, seq, prev_seq, data });
      }
      acks(command, data = {}) {
        this.says({ event: "ack", data, request_id: command.request_id });
      }
      refuses(command, code, more = {}) {
        this.says({ event: "error", data: { code, detail: code, ...more }, request_id: command?.request_id });
      }
      /** The connection ends. */
      drops(code = 1006) {
        this.readyState = 3;
        this.onclose?.({ code });
      }
      /** The commands of this name that were not answered by themselves. */
      commands(name) {
        return this.sent.filter(({ event }) => event === name);
      }
      get resumed() {
        return this.all.filter(({ event }) => event === "resume").map(({ data }) => data.chats);
      }
    };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /** The next call to this path (`GET /sync`) answers so. */
  next(path, status, body = {}, headers = {}) {
    this.answers.push({ path, status, body, headers });
  }

  fetch = async (url, { method, headers, body }) => {
    const { pathname, searchParams } = new URL(url);
    const path = `${method} ${pathname.replace("/api/v1", "")}`;
    this.calls.push({ path, query: Object.fromEntries(searchParams), body: body && JSON.parse(body), headers });
    const at = this.answers.findIndex((answer) => answer.path === path);
    const answer = at < 0 ? this.usual(path) : this.answers.splice(at, 1)[0];
    await turn();
    if (answer.status === 0) throw new TypeError("fetch failed");
    const text = answer.status === 204 ? "" : JSON.stringify(answer.body);
    return { ok: answer.status < 400, status: answer.status, headers: new Headers(answer.headers), text: async () => text };
  };

  usual(path) {
    const chat = /^GET \/chats\/(\d+)$/.exec(path);
    if (chat) return { status: 200, body: { id: Number(chat[1]), seq: 50 } };
    if (path === "GET /sync") return { status: 200, body: { user: this.user, chats: this.chats } };
    if (path === "POST /auth/refresh") {
      const pair = { access_token: jwt(this.clock), refresh_token: `r${this.calls.length}` };
      return { status: 200, body: pair };
    }
    return { status: 200, body: {} };
  }

  /** The calls to this path. */
  to(path) {
    return this.calls.filter((call) => call.path === path);
  }
}

/** A client of a fake server, with all its events in `heard`. */
export function world(options = {}) {
  const clock = new Clock();
  const server = new Server(clock);
  const network = new EventTarget();
  const client = new Messenger({
    url: "https://chat.example",
    tokens: { access_token: jwt(clock), refresh_token: "r0" },
    WebSocket: server.WebSocket,
    fetch: server.fetch,
    random: () => 0.5,
    clock,
    network,
    ...(typeof options === "function" ? options({ clock, server }) : options),
  });
  const heard = [];
  client.on("*", (e) => heard.push(e));
  /** The changes that were told, as "event seq". */
  const told = () => heard.filter((e) => e.seq !== undefined).map((e) => `${e.event} ${e.seq}`);
  const of = (name) => heard.filter((e) => e.event === name);
  const states = () => of("state").map((e) => e.state);
  return { clock, server, client, network, heard, told, of, states };
}

/** The same, online. */
export async function online(options) {
  const made = world(options);
  await made.client.connect();
  return made;
}
