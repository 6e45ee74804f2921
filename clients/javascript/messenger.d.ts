/** The types of messenger.js: nouns and events as docs/protocols/nodus.md has them. */

// --- nouns --------------------------------------------------------------------------------------

/** ISO 8601, in UTC. */
export type Time = string;
/** Ids are integers; methods of the REST API take the UUID as well. */
export type Id = number | string;
export type Role = "owner" | "member";
export type Status = "online" | "away" | "offline";
export type Json = unknown;

export interface User {
  id: number;
  uuid: string;
  username: string;
  name: string;
}

export interface Me extends User {
  email: string;
  is_active: boolean;
  created_at: Time;
}

/** As events tell of it: reactions have events of their own. */
export interface BareMessage {
  id: number;
  uuid: string;
  chat_id: number;
  /** The place of its sending among all changes to the chat. */
  seq: number;
  author_id: number | null;
  type: string;
  /** Null once it is deleted, and `payload` too. */
  content: string | null;
  payload: Json;
  status: "delivered" | "read";
  ts: Time;
  reply_to_id: number | null;
  is_deleted: boolean;
  deleted_at: Time | null;
  updated_at: Time | null;
  is_edited: boolean;
  edited_at: Time | null;
  read_at: Time | null;
}

export interface Reaction {
  id: number;
  message_id: number;
  user_id: number;
  emoji: string;
  created_at: Time;
}

export interface Message extends BareMessage {
  reactions: Reaction[];
  likes_count: number;
  liked_by: number[];
  liked_at: Time | null;
}

/** The life of a message, in Chatroulette's words (docs/protocols/chatroulette.md). */
export type Stage = "sent" | "delivered" | "read" | "edited" | "deleted";

/** As Chatroulette tells of an edit: `id` is the UUID. */
export interface Edited {
  id: string;
  content: string | null;
  status: Stage;
  is_edited: boolean;
  edited_at: Time | null;
}

/** As Chatroulette tells of a message: `message_id` is the UUID. */
export interface MessageStatus {
  message_id: string;
  status: Stage;
  /** For people, in the language of the request. */
  status_text: string;
  is_edited: boolean;
  edited_at: Time | null;
  /** When somebody other than the author read it first. */
  read_at: Time | null;
  /** The UUIDs of those who have, in that order. */
  read_by: string[];
  created_at: Time;
  updated_at: Time;
}

/** A message that is not stored yet. */
export interface Draft {
  id: null;
  chat_id: number;
  author_id: number | null;
  type: string;
  content: string | null;
  payload: Json;
  reply_to_id: Id | null;
  /** When it was written, by the server's clock as far as we know. */
  ts: Time;
}

export interface Member {
  user_id: number;
  uuid: string;
  username: string;
  name: string;
  role: Role;
  joined_at: Time;
}

export interface BareChat {
  id: number;
  uuid: string;
  type: "group" | "private";
  name: string;
  description: string;
  is_open: boolean;
  /** Seconds that a member waits between two messages; 0 without slow mode. */
  slow_mode: number;
  created_at: Time;
  owner_id: number | null;
  members_count: number;
}

export interface ChatAndMembers extends BareChat {
  members: Member[];
}

/** As its caller sees it: a private one goes by the name of the other person, its `partner`. */
export interface Chat extends BareChat {
  role: Role;
  unread_count: number;
  last_message: Message | null;
  last_activity_at: Time;
  /** The latest change to it. */
  seq: number;
  partner: User | null;
}

export interface WholeChat extends Chat {
  members: Member[];
}

export interface Receipt {
  message_id: number;
  chat_id: number;
  user_id: number;
  read_at: Time | null;
  read_by_all: boolean;
}

export interface Presence {
  user_id: number;
  status: Status;
  last_seen: Time | null;
}

export type Reason = "spam" | "abuse" | "hate" | "violence" | "sexual" | "fraud" | "other";

/** A report of one's own. */
export interface Report {
  id: number;
  message_id: number | null;
  user_id: number;
  chat_id: number | null;
  reason: Reason;
  comment: string;
  created_at: Time;
}

export interface Block {
  user: User;
  created_at: Time;
}

/** What a moderator decided about oneself. */
export interface Decision {
  id: number;
  action: "dismiss" | "remove" | "warn" | "mute_here" | "mute" | "ban" | "close_chat";
  reason: string;
  chat_id: number | null;
  /** The end of a mute or a ban; null for what has none. */
  until: Time | null;
  created_at: Time;
  undone_at: Time | null;
  can_appeal: boolean;
  appeal: Appeal | null;
}

export interface Appeal {
  decision_id: number;
  text: string;
  created_at: Time;
  /** Null while nobody has looked at it. */
  outcome: "upheld" | "granted" | null;
  /** Why. */
  reason: string;
  decided_at: Time | null;
}

export interface Tokens {
  access_token: string;
  refresh_token: string | null;
}

export interface Ticket {
  ticket: string;
  /** Seconds. */
  expires_in: number;
}

// --- answers ------------------------------------------------------------------------------------

export interface MessagePage {
  /** Newest first. */
  messages: Message[];
  has_more: boolean;
  next_cursor: number | null;
}

export interface ChatPage {
  chats: Chat[];
  has_more: boolean;
  next_cursor: string | null;
}

export interface UserPage {
  users: User[];
  has_more: boolean;
  next_cursor: string | null;
}

export interface BlockPage {
  blocks: Block[];
  has_more: boolean;
  next_cursor: string | null;
}

export interface DecisionPage {
  decisions: Decision[];
  has_more: boolean;
  next_cursor: string | null;
}

export interface Sync {
  user: Me;
  chats: Chat[];
}

export interface ReadUpTo {
  chat_id: number;
  /** How many were read by it. */
  read: number;
  unread_count: number;
}

export interface EventPage {
  events: Frame[];
  has_more: boolean;
  last_seq: number;
  reset: { reason: ResetReason; seq: number } | null;
}

// --- what is asked ------------------------------------------------------------------------------

export type Credentials = ({ email: string } | { username: string }) & { password: string };

export interface Registration {
  email: string;
  password: string;
  username?: string;
  name?: string;
}

export type NewChat =
  | { type?: "group"; name: string; description?: string; isOpen?: boolean; userIds?: Id[] }
  | { type: "private"; userIds: [Id]; name?: undefined; description?: undefined; isOpen?: undefined };

export type NewReport = ({ messageId: Id; userId?: undefined; chatId?: undefined } | { userId: Id; chatId?: Id | null; messageId?: undefined }) & {
  reason: Reason;
  comment?: string;
};

export interface PageOfMessages {
  chatId: Id;
  /** 1 to 100; 50 unless told. */
  limit?: number;
  /** One of these, or none for the newest. */
  beforeId?: Id | null;
  afterId?: Id | null;
  aroundId?: Id | null;
}

export interface NewMessage {
  chatId: number | string;
  content?: string | null;
  /** "text" unless told. */
  type?: string;
  payload?: Json;
  replyToId?: Id | null;
  /** The idempotency key; a random one unless told. ASCII for `postMessage`. */
  key?: string;
}

// --- the wire -----------------------------------------------------------------------------------

/** The changes to a chat, by the name of the event. */
export interface Changes {
  "message.created": BareMessage;
  "message.updated": BareMessage;
  "message.deleted": BareMessage;
  "message.read": Receipt;
  "reaction.added": Reaction;
  "reaction.removed": { message_id: number; user_id: number; emoji: string };
  /** Also for who comes into a chat. */
  "chat.created": ChatAndMembers;
  "chat.updated": BareChat;
  "chat.deleted": { id: number; deleted_by: number | null };
  "member.joined": { chat_id: number; member: Member; added_by: number | null };
  /** The last that this person hears of the chat. */
  "member.left": { chat_id: number; user_id: number; removed_by: number | null };
  "member.updated": { chat_id: number; member: Member };
}

/** A change as it is on the wire, and in the log over REST. */
export type Frame = {
  [E in keyof Changes]: { event: E; chat_id: number; seq: number; prev_seq: number; data: Changes[E] };
}[keyof Changes];

/** The commands of the socket, for `command`: what goes in and what its ack says. */
export interface Commands {
  "message.send": [
    {
      chat_id: Id;
      type?: string;
      content?: string | null;
      payload?: Json;
      reply_to_id?: Id | null;
      client_message_id?: string | null;
    },
    Message,
  ];
  "message.read": [{ message_id: Id }, Receipt];
  "chat.read": [{ chat_id: Id; up_to_message_id: Id }, ReadUpTo];
  typing: [{ chat_id: Id; is_typing: boolean }, {}];
  /** Somebody is there. `ping` only asks whether the line is up. */
  heartbeat: [{}, {}];
  ping: [{}, {}];
  "presence.set": [{ status: "online" | "away" }, {}];
  "auth.refresh": [{ token: string }, { expires_at: Time }];
  "report.create": [
    { message_id?: Id | null; user_id?: Id | null; chat_id?: Id | null; reason: Reason; comment?: string | null },
    Report,
  ];
  "user.block": [{ user_id: Id }, Block];
  "user.unblock": [{ user_id: Id }, {}];
}

/**
 * Why a chat is to be loaded anew: the server's reasons, and `new` for one that turned out to be
 * there.
 */
export type ResetReason = "not_found" | "rejoined" | "expired" | "too_far" | "ahead" | "new";

// --- the client's events ------------------------------------------------------------------------

export type State = "offline" | "connecting" | "syncing" | "online";

/** A message on its way. */
export interface Pending {
  /** Of this client; also the idempotency key. */
  readonly localId: string;
  readonly chatId: number;
  readonly message: Draft;
  readonly status: "queued" | "sending" | "sent" | "failed" | "dropped";
  /** Why it failed. */
  readonly error: MessengerError | null;
  /** The stored message; rejected when it is refused for good. */
  readonly sent: Promise<Message>;
  /** Send a failed one again, under the same key. */
  retry(): Promise<Message>;
  /** Take it back: true if it has failed or was never sent, false if it may have arrived. */
  drop(): boolean;
}

type Change<E extends keyof Changes> = { event: E; chatId: number; seq: number; data: Changes[E] };

export type Events = {
  [E in keyof Changes]: Change<E>;
} & {
  /** `localId` if it is one of those sent by this client. */
  "message.created": Change<"message.created"> & { localId?: string };
  "user.typing": { event: "user.typing"; data: { chat_id: number; user_id: number; is_typing: boolean } };
  "user.presence": { event: "user.presence"; data: { user_id: number; status: Status; timestamp: Time } };
  /** `retryIn`: milliseconds until the next attempt. */
  state: { event: "state"; state: State; retryIn?: number };
  /** The snapshot with which the first connection starts. */
  synced: { event: "synced"; user: Me; chats: Chat[] };
  /** Load this chat's messages anew; it is gone if `chat` is null. */
  reset: { event: "reset"; chatId: number; reason: ResetReason; chat: WholeChat | null };
  /** Queued: by `send`, and again by `retry`. */
  pending: { event: "pending"; localId: string; chatId: number; message: Draft; item: Pending };
  /** Acknowledged. The stream's `message.created` comes by itself, before the next of the chat. */
  sent: { event: "sent"; localId: string; chatId: number; message: Message };
  /** The chat is in slow mode: it comes again by itself, after `error.retryAfter` seconds. */
  delayed: { event: "delayed"; localId: string; chatId: number; error: MessengerError; item: Pending };
  /** Refused for good, unless by `retry`. */
  failed: { event: "failed"; localId: string; chatId: number; error: MessengerError; item: Pending };
  /** The login has ended. */
  signedOut: { event: "signedOut"; error: MessengerError };
  banned: { event: "banned"; error: MessengerError };
};

// --- the client ---------------------------------------------------------------------------------

export interface Clock {
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(id: any): void;
}

export interface Options {
  /** Of the server, without `/api/v1`. In a browser the page's own origin unless told. */
  url?: string;
  /** An access token, with or without the refresh token beside it. */
  token?: string;
  refreshToken?: string | null;
  /** The same, as a pair. */
  tokens?: Tokens | null;
  /** Instead of all these: gives an access token, another one than that which was refused. */
  getToken?: (wanted: { refused: string | null }) => string | Promise<string>;
  /** Told of each new pair, for keeping it; null when the login has ended. */
  onTokens?: (tokens: Tokens | null) => void;
  /** What is kept: another tab may have exchanged the pair, and each can be exchanged once. */
  loadTokens?: () => Tokens | null | Promise<Tokens | null>;
  /** Open the socket with a single-use ticket in its address instead of the token as a subprotocol. */
  ticket?: boolean;
  /** For Node without one, and for tests. */
  WebSocket?: any;
  fetch?: typeof globalThis.fetch | ((url: string, options: any) => Promise<any>);
  /** Tells of `online` and `offline`; the window unless told. */
  network?: Pick<EventTarget, "addEventListener" | "removeEventListener">;
  clock?: Clock;
  random?: () => number;
}

export class MessengerError extends Error {
  constructor(facts: {
    status?: number;
    code?: string;
    detail?: string;
    errors?: Record<string, string[]>;
    retryAfter?: number | null;
    until?: Time | null;
  });
  /** The HTTP status, on sockets too; 0 if no server said it. */
  status: number;
  /** For programs: the server's, or `network`, `timeout`, `offline`, `disconnected`, `signed_out`, `closed`, `dropped`. */
  code: string;
  /** For people. */
  detail: string;
  /** By field. */
  errors: Record<string, string[]>;
  /** Seconds. */
  retryAfter: number | null;
  /** The end of a mute or a ban. */
  until: Time | null;
}

export class Messenger {
  constructor(options: Options);
  static login(url: string, credentials: Credentials, options?: Partial<Options>): Promise<Messenger>;
  static register(url: string, fields: Registration, options?: Partial<Options>): Promise<Me>;

  readonly state: State;
  readonly userId: number | null;
  readonly tokens: Tokens | null;
  readonly pending: Pending[];

  on<E extends keyof Events>(name: E, listener: (e: Events[E]) => void): () => void;
  on(name: "*", listener: (e: Events[keyof Events]) => void): () => void;

  connect(): Promise<void>;
  close(): void;

  login(credentials: Credentials): Promise<void>;
  logout(): Promise<void>;
  refresh(): Promise<void>;
  setTokens(tokens: Tokens): void;

  send(message: NewMessage): Pending;
  readMessage(messageId: Id): Promise<Receipt>;
  setPresence(status: "online" | "away"): void;
  typing(chatId: number | string, isTyping?: boolean): void;
  command<C extends keyof Commands>(event: C, data: Commands[C][0]): Promise<Commands[C][1]>;
  command(event: string, data?: Record<string, unknown>): Promise<unknown>;

  me(): Promise<Me>;
  ticket(): Promise<Ticket>;
  sync(): Promise<Sync>;

  chats(page?: { limit?: number; cursor?: string | null }): Promise<ChatPage>;
  createChat(chat: NewChat): Promise<WholeChat>;
  chat(id: Id): Promise<WholeChat>;
  updateChat(id: Id, changes: { name?: string; description?: string; isOpen?: boolean; slowMode?: number }): Promise<WholeChat>;
  deleteChat(id: Id): Promise<null>;
  members(chatId: Id): Promise<Member[]>;
  addMember(chatId: Id, userId: Id): Promise<Member>;
  setRole(chatId: Id, userId: Id, role: Role): Promise<Member>;
  removeMember(chatId: Id, userId: Id): Promise<null>;
  join(chatId: Id): Promise<WholeChat>;
  leave(chatId: Id): Promise<null>;
  readUpTo(chatId: Id, messageId: Id): Promise<ReadUpTo>;
  events(chatId: Id, page?: { afterSeq?: number; limit?: number }): Promise<EventPage>;

  messages(page: PageOfMessages): Promise<MessagePage>;
  history(chatId: Id, options?: { limit?: number; beforeId?: Id }): AsyncGenerator<Message[], void, void>;
  message(id: Id): Promise<Message>;
  postMessage(message: NewMessage): Promise<Message>;
  editMessage(id: Id, content: string): Promise<Edited>;
  messageStatus(id: Id): Promise<MessageStatus>;
  deleteMessage(id: Id): Promise<null>;
  addReaction(messageId: Id, emoji: string): Promise<Reaction>;
  removeReaction(messageId: Id, emoji: string): Promise<null>;

  users(page?: { search?: string; limit?: number; cursor?: string | null }): Promise<UserPage>;
  user(id: Id): Promise<User>;
  presence(userId?: Id | "me"): Promise<Presence>;
  heartbeat(): Promise<null>;
  whoTypes(chatId: Id): Promise<number[]>;

  report(report: NewReport): Promise<Report>;
  block(userId: Id): Promise<Block>;
  unblock(userId: Id): Promise<null>;
  blocks(page?: { limit?: number; cursor?: string | null }): Promise<BlockPage>;
  decisions(page?: { limit?: number; cursor?: string | null }): Promise<DecisionPage>;
  appeal(decisionId: number, text: string): Promise<Appeal>;
  exportData(): Promise<Json>;
  deleteAccount(password: string, options?: { messages?: boolean }): Promise<null>;
}
