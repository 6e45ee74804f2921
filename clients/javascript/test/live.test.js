// Against a real server: tests/clients/test_javascript.py starts one and says where it is, with the
// tokens of two people, in MESSENGER_URL and MESSENGER_PEOPLE.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Messenger } from "../messenger.js";
import { line } from "./proxy.js";

const { deepEqual, equal, ok, rejects } = assert;
const { MESSENGER_URL: url, MESSENGER_PEOPLE } = process.env;

/** A test of a promise; `near` gives a client of somebody, behind a line of its own that can be cut. */
function live(name, run) {
  const skip = url ? false : "run by tests/clients/test_javascript.py";
  test(name, { skip, timeout: 60_000 }, async () => {
    const people = JSON.parse(MESSENGER_PEOPLE);
    const ends = [];
    const near = async (person, options = {}) => {
      const wire = await line(url);
      // Reconnections come soon: half a minute of jitter proves nothing.
      const client = new Messenger({ url: wire.url, tokens: people[person], random: () => 0.05, ...options });
      const heard = [];
      client.on("*", (e) => heard.push(e));
      ends.push(() => (client.close(), wire.end()));
      return { client, wire, heard, id: client.userId };
    };
    try {
      await run(near);
    } finally {
      for (const end of ends) end();
    }
  });
}

/** Wait until this is so. */
async function until(condition, what) {
  for (let waited = 0; !(await condition()); waited += 20) {
    ok(waited < 15_000, `${what} did not happen`);
    await sleep(20);
  }
}

const contents = (heard) => heard.filter((e) => e.event === "message.created").map((e) => e.data.content);

/** Two clients, online, in one chat that both know of. */
async function pair(near, options) {
  const [a, b] = [await near("alice", options), await near("bob")];
  const chat = await a.client.createChat({ name: "Kitchen", userIds: [b.id] });
  await Promise.all([a.client.connect(), b.client.connect()]);
  return [a, b, chat.id];
}

live("Two clients talk", async (near) => {
  const [a, b] = [await near("alice"), await near("bob")];
  await Promise.all([a.client.connect(), b.client.connect()]);
  const { id: chatId } = await a.client.createChat({ name: "Kitchen", userIds: [b.id] });
  for (const { heard } of [a, b]) await until(() => heard.some((e) => e.event === "chat.created"), "chat.created");

  b.client.typing(chatId);
  await until(() => a.heard.some((e) => e.event === "user.typing" && e.data.user_id === b.id), "user.typing");
  const item = b.client.send({ chatId, content: "Hello 👋" });
  const message = await item.sent;
  a.client.send({ chatId, content: "Hi", replyToId: message.id });
  await until(() => [a, b].every(({ heard }) => contents(heard).length === 2), "both messages");
  await a.client.addReaction(message.id, "👍");
  deepEqual((await a.client.readMessage(message.id)).message_id, message.id);
  await b.client.deleteMessage(message.id);
  for (const { heard } of [a, b]) await until(() => heard.some((e) => e.event === "message.deleted"), "message.deleted");

  for (const { heard } of [a, b]) {
    const changes = heard.filter((e) => e.chatId === chatId && e.seq !== undefined);
    deepEqual(changes.map((e) => e.seq), changes.map((_, at) => at + 1));
    deepEqual(contents(heard), ["Hello 👋", "Hi"]);
    for (const name of ["reaction.added", "message.read"]) ok(changes.some((e) => e.event === name), name);
  }
  const own = b.heard.find((e) => e.event === "message.created" && e.data.id === message.id);
  equal(own.localId, item.localId);
});

live("A client that was cut off has each event once and in order", async (near) => {
  const [a, b, chatId] = await pair(near);
  const left = await a.client.createChat({ name: "Left", userIds: [b.id] });
  await until(() => b.heard.some((e) => e.event === "chat.created" && e.chatId === left.id), "chat.created");
  a.client.send({ chatId, content: "before" });
  await until(() => contents(b.heard).length === 1, "the first message");
  b.wire.cut();
  await until(() => b.client.state === "offline", "offline");
  for (let number = 0; number < 30; number++) a.client.send({ chatId, content: `${number}` });
  await a.client.removeMember(left.id, b.id);
  const fresh = await a.client.createChat({ name: "New", userIds: [b.id] });
  await until(() => a.client.pending.length === 0, "sending");
  b.wire.heal();
  await until(() => b.client.state === "online", "online");
  await a.client.send({ chatId, content: "after" }).sent;
  await until(() => contents(b.heard).at(-1) === "after", "the last message");
  deepEqual(contents(b.heard), ["before", ...Array.from({ length: 30 }, (_, at) => `${at}`), "after"]);
  const seqs = b.heard.filter((e) => e.chatId === chatId && e.seq).map((e) => e.seq);
  deepEqual(seqs, seqs.map((_, at) => seqs[0] + at));
  await until(() => b.heard.filter((e) => e.event === "reset").length === 2, "resets");
  const resets = b.heard.filter((e) => e.event === "reset").map((e) => [e.chatId, e.reason, e.chat?.name]);
  deepEqual(resets.sort(), [[left.id, "not_found", undefined], [fresh.id, "new", "New"]].sort());
  await a.client.send({ chatId: fresh.id, content: "here too" }).sent;
  await until(() => contents(b.heard).at(-1) === "here too", "a message in the new chat");
});

live("What is sent offline is delivered after the reconnection, once and in order", async (near) => {
  const [a, b, chatId] = await pair(near);
  a.wire.cut();
  await until(() => a.client.state === "offline", "offline");
  const items = Array.from({ length: 5 }, (_, at) => a.client.send({ chatId, content: `${at}` }));
  await sleep(200);
  deepEqual(contents(b.heard), []);
  a.wire.heal();
  const ids = (await Promise.all(items.map(({ sent }) => sent))).map(({ id }) => id);
  await until(() => [a, b].every(({ heard }) => contents(heard).length === 5), "all messages");
  deepEqual(contents(b.heard), ["0", "1", "2", "3", "4"]);
  const { messages } = await b.client.messages({ chatId });
  deepEqual(messages.map(({ id }) => id).reverse(), ids);
});

live("A send whose ack is lost is stored once, and told once", async (near) => {
  const [a, b, chatId] = await pair(near);
  a.wire.deafen();
  const item = a.client.send({ chatId, content: "x" });
  await until(() => contents(b.heard).length === 1, "the message");
  a.wire.cut();
  await until(() => a.client.state === "offline", "offline");
  equal(item.status, "queued");
  a.wire.heal();
  const message = await item.sent;
  await a.client.send({ chatId, content: "y" }).sent;
  for (const { heard } of [a, b]) {
    await until(() => contents(heard).length === 2, "both messages");
    deepEqual(contents(heard), ["x", "y"]);
  }
  equal(a.heard.find((e) => e.event === "message.created").localId, item.localId);
  equal((await a.client.messages({ chatId })).messages[1].id, message.id);
});

live("On a line that is cut every moment nothing is lost, doubled or out of order", async (near) => {
  const [a, b, chatId] = await pair(near);
  let done = false;
  const trouble = (async () => {
    for (let round = 0; !done; round++) {
      const { wire } = [a, b][round % 2];
      if (round % 3 === 0) wire.deafen();
      await sleep(30 + ((round * 37) % 90));
      wire.cut();
      await sleep(20);
      wire.heal();
    }
  })();
  const said = Array.from({ length: 40 }, (_, at) => `${at}`);
  for (const content of said) {
    a.client.send({ chatId, content });
    await sleep(25);
  }
  await sleep(500);
  done = true;
  await trouble;
  for (const { heard } of [a, b]) {
    await until(() => contents(heard).length >= 40, "all messages");
    deepEqual(contents(heard), said);
  }
  ok(a.heard.filter((e) => e.event === "message.created").every((e) => e.localId));
  const stored = [];
  for await (const page of b.client.history(chatId, { limit: 25 })) stored.push(...page.map((m) => m.content));
  deepEqual(stored.reverse(), said);
});

live("A token is exchanged in time, and the socket stays", async (near) => {
  const people = JSON.parse(MESSENGER_PEOPLE);
  const [a, b, chatId] = await pair(near, { tokens: people.alice_for_seconds });
  await until(() => a.client.tokens.access_token !== people.alice_for_seconds.access_token, "an exchange");
  await sleep(people.seconds * 1000);
  await a.client.send({ chatId, content: "still here" }).sent;
  await until(() => contents(b.heard).length === 1, "the message");
  deepEqual(a.heard.filter((e) => e.event === "state").map((e) => e.state), ["connecting", "syncing", "online"]);
});

live("A ticket opens the socket", async (near) => {
  const { client } = await near("alice", { ticket: true });
  await client.connect();
  equal(client.state, "online");
});

live("Who signs out hears of it on another client of the same login", async (near) => {
  const [one, other] = [await near("alice"), await near("alice")];
  await Promise.all([one.client.connect(), other.client.connect()]);
  await one.client.logout();
  equal(one.client.tokens, null);
  await until(() => other.heard.some((e) => e.event === "signedOut"), "signedOut");
  equal(other.client.state, "offline");
});

live("Every call over REST is answered as the contract says", async (near) => {
  const [a, b] = [(await near("alice")).client, (await near("bob")).client];
  const [me, him] = [await a.me(), await b.me()];
  ok(me.email && me.uuid);
  const { id } = await a.createChat({ name: "Open", isOpen: true });
  equal((await b.join(id)).members.length, 2);
  equal((await a.updateChat(id, { name: "Renamed", description: "d" })).name, "Renamed");
  equal((await b.chats()).chats[0].name, "Renamed");
  equal((await a.setRole(id, him.id, "owner")).role, "owner");
  equal((await a.members(id)).length, 2);
  await b.leave(id);
  equal((await a.addMember(id, him.uuid)).user_id, him.id);
  await rejects(b.deleteChat(id), { status: 403, code: "forbidden" });
  await rejects(a.createChat({ name: "" }), (error) => error.status === 400 && "name" in error.errors);

  const first = await a.postMessage({ chatId: id, content: "1", key: "k" });
  equal((await a.postMessage({ chatId: id, content: "1", key: "k" })).id, first.id);
  await rejects(a.postMessage({ chatId: id, content: "2", key: "k" }), { status: 422 });
  const second = await a.postMessage({ chatId: id, content: "2", replyToId: first.id });
  deepEqual((await b.messages({ chatId: id, afterId: first.id })).messages.map((m) => m.id), [second.id]);
  equal((await b.messages({ chatId: id, aroundId: first.id })).messages.length, 2);
  const pages = [];
  for await (const page of b.history(id, { limit: 1 })) pages.push(page[0].content);
  deepEqual(pages, ["2", "1"]);
  const reaction = await b.addReaction(first.id, "❤️");
  deepEqual((await a.message(first.id)).reactions, [reaction]);
  await b.removeReaction(first.id, "❤️");
  deepEqual(await b.readUpTo(id, second.id), { chat_id: id, read: 2, unread_count: 0 });
  await a.deleteMessage(first.id);
  const log = await b.events(id, { limit: 100 });
  deepEqual(log.events.map((e) => e.seq), log.events.map((_, at) => log.events[0].seq + at));

  const found = await a.users({ search: him.username });
  deepEqual(found.users.map((user) => user.id), [him.id]);
  equal((await a.user(him.id)).username, him.username);
  await b.heartbeat();
  equal((await a.presence(him.id)).status, "online");
  equal((await b.presence()).status, "online");
  deepEqual(await a.whoTypes(id), []);
  const sync = await b.sync();
  equal(sync.user.id, him.id);
  deepEqual(sync.chats.map((chat) => chat.id), [id]);
  await a.removeMember(id, him.id);
  await rejects(b.chat(id), { status: 404, code: "not_found" });
  await a.deleteChat(id);
});

live("Away is seen by the others, also after a reconnection", async (near) => {
  const [a, b] = await pair(near);
  b.client.setPresence("away");
  await until(async () => (await a.client.presence(b.id)).status === "away", "away");
  b.wire.cut();
  await until(() => b.client.state === "offline", "offline");
  b.wire.heal();
  await until(() => b.client.state === "online", "online");
  await until(async () => (await a.client.presence(b.id)).status === "away", "away again");
  b.client.setPresence("online");
  await until(async () => (await a.client.presence(b.id)).status === "online", "online again");
});
