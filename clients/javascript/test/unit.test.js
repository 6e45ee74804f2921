import assert from "node:assert/strict";
import { test } from "node:test";

import { Messenger, MessengerError } from "../messenger.js";
import { jwt, online, settle, world } from "./fakes.js";

const { deepEqual, equal, ok, rejects } = assert;

/** A message as the server stores it. */
const stored = (id, seq, { author = 1, content = "x" } = {}) => ({ id, chat_id: 5, seq, author_id: author, content });

// --- connecting ---------------------------------------------------------------------------------

test("It asks for a snapshot, opens the socket with the token as a subprotocol and resumes from there", async () => {
  const { client, server, states, of } = world();
  await client.connect();
  deepEqual(states(), ["connecting", "syncing", "online"]);
  equal(server.socket.url, "wss://chat.example/api/v1/ws");
  deepEqual(server.socket.protocols, ["bearer", client.tokens.access_token]);
  deepEqual(server.socket.resumed, [{ 5: 10 }]);
  deepEqual(of("synced")[0].chats, server.chats);
  equal(client.userId, 1);
});

test("With tickets no token is shown to the socket", async () => {
  const { client, server } = world({ ticket: true });
  server.next("POST /auth/ws-ticket", 201, { ticket: "a+b", expires_in: 30 });
  await client.connect();
  equal(server.socket.url, "wss://chat.example/api/v1/ws?ticket=a%2Bb");
  equal(server.socket.protocols, undefined);
});

test("Who is in no chat asks for new ones all the same, and who is in thousands asks in several frames", async () => {
  const none = world();
  none.server.chats = [];
  await none.client.connect();
  deepEqual(none.server.socket.resumed, [{}]);
  const many = world();
  many.server.chats = Array.from({ length: 2001 }, (_, at) => ({ id: at + 1, seq: 1 }));
  await many.client.connect();
  deepEqual(many.server.socket.resumed.map((chats) => Object.keys(chats).length), [1000, 1000, 1]);
  const slow = world();
  slow.server.chats = many.server.chats;
  slow.server.resumes = false;
  slow.client.connect();
  await settle();
  for (const { request_id } of slow.server.socket.sent) {
    equal(slow.client.state, "syncing");
    slow.server.socket.says({ event: "resumed", data: { chats: {}, new: [] }, request_id });
  }
  equal(slow.client.state, "online");
});

test("Without a server it tries again, within twice as long each time and half a minute at most", async () => {
  const { client, server, clock, of } = world();
  server.opens = false;
  client.connect();
  await settle();
  for (let tries = 0; tries < 9; tries++) {
    server.socket.drops();
    await clock.tick(of("state").at(-1).retryIn);
  }
  const pauses = of("state").filter((e) => e.retryIn !== undefined).map((e) => e.retryIn);
  deepEqual(pauses, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  client.close();
});

test("A socket that does not open is given up", async () => {
  const { client, server, clock } = world();
  server.opens = false;
  client.connect();
  await clock.tick(14_000);
  equal(server.sockets.length, 1);
  await clock.tick(2_000);
  equal(server.sockets.length, 2);
  equal(server.sockets[0].closedBy, "client");
  client.close();
});

test("An error without a close event is an end, too", async () => {
  const { client, server, clock } = world();
  server.opens = false;
  client.connect();
  await settle();
  server.socket.onerror();
  await clock.tick(2_000);
  equal(server.sockets.length, 2);
  client.close();
});

test("After a restart it is back within a second and resumes from what it has", async () => {
  const { server, clock, of } = await online();
  server.socket.tells("message.created", 11, stored(1, 11, { author: 2 }));
  server.socket.drops(1012);
  equal(of("state").at(-1).retryIn, 500);
  await clock.tick(500);
  deepEqual(server.socket.resumed, [{ 5: 11 }]);
  equal(server.to("GET /sync").length, 1);
  equal(of("state").at(-1).state, "online");
});

test("A server that keeps restarting is not stormed", async () => {
  const { client, server, clock, of } = await online();
  for (let round = 0; round < 6; round++) {
    server.socket.drops(1012);
    await clock.tick(of("state").at(-1).retryIn);
    equal(client.state, "online");
  }
  const pauses = of("state").filter((e) => e.retryIn !== undefined).map((e) => e.retryIn);
  deepEqual(pauses, [500, 500, 1000, 2000, 4000, 8000]);
  await clock.tick(11_000);
  server.socket.drops(1012);
  equal(of("state").at(-1).retryIn, 500);
});

test("After too many frames it stays away for longer", async () => {
  const { server, of } = await online();
  server.socket.drops(4429);
  ok(of("state").at(-1).retryIn >= 5000);
});

test("After 4401 it comes back with a fresh token", async () => {
  const { client, server, clock } = await online();
  const before = client.tokens.access_token;
  server.socket.drops(4401);
  await clock.tick(1000);
  equal(server.to("POST /auth/refresh").length, 1);
  equal(client.state, "online");
  ok(server.socket.protocols[1] !== before);
});

test("Who is banned stays away", async () => {
  const { client, server, clock, of } = await online();
  server.socket.drops(4403);
  await clock.tick(120_000);
  equal(server.sockets.length, 1);
  equal(of("banned").length, 1);
  equal(client.state, "offline");
  equal(clock.timers.size, 0);
});

test("The browser's `online` ends the waiting", async () => {
  const { client, server, clock, network, of } = world();
  server.opens = false;
  client.connect();
  await settle();
  for (let tries = 0; tries < 8; tries++) {
    server.socket.drops();
    if (tries < 7) await clock.tick(of("state").at(-1).retryIn);
  }
  const before = server.sockets.length;
  network.dispatchEvent(new Event("online"));
  await clock.tick(500);
  equal(server.sockets.length, before + 1);
  client.close();
});

test("A silent line is asked after a minute, and given up if nothing comes", async () => {
  const { client, server, clock } = await online();
  server.pongs = false;
  const [first] = server.sockets;
  await clock.tick(59_000);
  equal(first.commands("ping").length, 0);
  await clock.tick(2_000);
  equal(first.commands("ping").length, 1);
  first.acks(first.sent[0]);
  await clock.tick(60_000);
  equal(first.commands("ping").length, 2);
  equal(server.sockets.length, 1);
  await clock.tick(11_000);
  equal(first.closedBy, "client");
  equal(server.sockets.length, 2);
  equal(client.state, "online");
  client.close();
});

test("When the browser says that the network changed, the open line is asked at once", async () => {
  for (const type of ["online", "offline"]) {
    const { server, clock, network } = await online();
    server.pongs = false;
    network.dispatchEvent(new Event(type));
    equal(server.socket.commands("ping").length, 1);
    await clock.tick(11_000);
    equal(server.sockets.length, 2);
  }
});

test("A line that is only being opened is not asked", async () => {
  const { client, server, clock, network } = world();
  server.opens = false;
  client.connect();
  await settle();
  network.dispatchEvent(new Event("online"));
  await clock.tick(12_000);
  equal(server.sockets.length, 1);
  server.socket.open();
  equal(client.state, "online");
});

test("While something is heard, nobody asks", async () => {
  const { server, clock } = await online();
  for (let minute = 0; minute < 10; minute++) {
    await clock.tick(50_000);
    server.socket.says({ event: "user.presence", data: {} });
  }
  equal(server.socket.commands("ping").length, 0);
});

test("After close there is no timer, no listener and no socket, and connect goes on where it was", async () => {
  const { client, server, clock, network, states } = await online();
  client.typing(5);
  client.send({ chatId: 5, content: "x" });
  client.close();
  equal(clock.timers.size, 0);
  equal(server.socket.closedBy, "client");
  network.dispatchEvent(new Event("online"));
  await clock.tick(100_000);
  equal(server.sockets.length, 1);
  equal(states().at(-1), "offline");
  await client.connect();
  deepEqual(server.socket.resumed, [{ 5: 10 }]);
  equal(server.socket.commands("message.send").length, 1);
});

test("A close while it connects ends that, and connect's promise, at whatever moment", async () => {
  const seen = new Set();
  for (let moment = 0; moment < 60; moment++) {
    const { client, server, clock, heard } = world({ ticket: moment % 2 === 1 });
    server.resumes = false;
    const connected = client.connect();
    for (let turn = 0; turn < moment; turn++) await (turn % 4 ? null : new Promise(setImmediate));
    const before = [heard.length, server.sockets.length];
    seen.add(`${before}`);
    client.close();
    await rejects(connected, { code: "closed" });
    await clock.tick(60_000);
    deepEqual([heard.length - 1, server.sockets.length], before);
    ok(server.sockets.every(({ closedBy }) => closedBy === "client"));
    equal(clock.timers.size, 0);
  }
  ok(seen.size >= 3, [...seen].join(" "));
});

// --- the stream ---------------------------------------------------------------------------------

test("The next change is told, one that was seen is not", async () => {
  const { server, told } = await online();
  const { socket } = server;
  socket.tells("chat.updated", 11);
  socket.tells("chat.updated", 11);
  socket.tells("chat.updated", 10);
  socket.tells("chat.updated", 12);
  deepEqual(told(), ["chat.updated 11", "chat.updated 12"]);
  equal(socket.resumed.length, 1);
});

test("Before a gap it resumes once, and what comes too early comes again", async () => {
  const { server, told } = await online();
  server.resumes = false;
  const { socket } = server;
  socket.tells("chat.updated", 13);
  socket.tells("chat.updated", 14);
  deepEqual(socket.commands("resume").map(({ data }) => data.chats), [{ 5: 10 }]);
  deepEqual(told(), []);
  for (const seq of [11, 12, 13, 14]) socket.tells("chat.updated", seq);
  socket.says({ event: "resumed", data: { chats: { 5: 14 }, new: [] }, request_id: socket.sent[0].request_id });
  socket.tells("chat.updated", 15);
  deepEqual(told(), [11, 12, 13, 14, 15].map((seq) => `chat.updated ${seq}`));
  socket.tells("chat.updated", 17);
  equal(socket.commands("resume").length, 2);
});

test("A resume may take its time as long as it goes on, and is given up when it does not", async () => {
  const { client, server, clock, told } = world();
  server.resumes = false;
  client.connect();
  await settle();
  const { socket } = server;
  for (let seq = 11; seq < 16; seq++) {
    await clock.tick(10_000);
    socket.tells("chat.updated", seq);
  }
  equal(server.sockets.length, 1);
  await clock.tick(40_000);
  ok(server.sockets.length > 1);
  deepEqual(server.sockets[1].resumed, [{ 5: 15 }]);
  equal(told().length, 5);
  client.close();
});

test("`resumed` counts: where it stands, and what is new besides the chats that were not asked for", async () => {
  const { server, told, of, clock } = await online();
  server.socket.tells("chat.created", 1, {}, 0, 6);
  server.resumes = false;
  const { socket } = server;
  socket.tells("chat.updated", 13);
  socket.says({ event: "resumed", data: { chats: { 5: 13 }, new: [6] }, request_id: socket.sent[0].request_id });
  socket.tells("chat.updated", 14);
  await clock.tick(1);
  deepEqual(told(), ["chat.created 1", "chat.updated 14"]);
  deepEqual(of("reset"), []);
});

test("A resume that was refused for now comes again", async () => {
  const { server, clock } = await online();
  server.resumes = false;
  const { socket } = server;
  socket.tells("chat.updated", 13);
  socket.refuses(null, "rate_limited", { retry_after: 1 });
  await clock.tick(1500);
  deepEqual(socket.commands("resume").map(({ data }) => data.chats), [{ 5: 10 }, { 5: 10 }]);
});

test("What was heard before `resumed` is not told twice", async () => {
  const { client, server, told } = world();
  server.resumes = false;
  client.connect();
  await settle();
  const { socket } = server;
  socket.tells("chat.updated", 12); // live, before the server read the resume
  for (const seq of [11, 12]) socket.tells("chat.updated", seq);
  socket.says({ event: "resumed", data: { chats: { 5: 12 }, new: [] }, request_id: socket.sent[0].request_id });
  equal(socket.commands("resume").length, 1);
  deepEqual(told(), ["chat.updated 11", "chat.updated 12"]);
  equal(client.state, "online");
});

test("A chat begins with its chat.created, and ends with leaving it", async () => {
  const { server, told, clock } = await online();
  const { socket } = server;
  socket.tells("chat.updated", 3, {}, 2, 8);
  socket.tells("chat.created", 4, { id: 8 }, 3, 8);
  socket.tells("chat.updated", 5, {}, 4, 8);
  socket.tells("member.left", 6, { user_id: 2 }, 5, 8);
  socket.tells("member.left", 7, { user_id: 1 }, 6, 8);
  socket.tells("chat.updated", 8, {}, 7, 8);
  socket.tells("chat.deleted", 11);
  deepEqual(told(), ["chat.created 4", "chat.updated 5", "member.left 6", "member.left 7", "chat.deleted 11"]);
  socket.drops(1012);
  await clock.tick(1000);
  deepEqual(server.socket.resumed, [{}]);
});

test("A chat that turns out to be there is loaded, and what happens meanwhile is told after it", async () => {
  const { client, server, heard, told } = world();
  server.resumes = false;
  const connected = client.connect();
  await settle();
  const { socket } = server;
  socket.says({ event: "resumed", data: { chats: { 5: 10 }, new: [8] }, request_id: socket.sent[0].request_id });
  for (const seq of [50, 51]) socket.tells("chat.updated", seq, {}, seq - 1, 8);
  await connected;
  deepEqual(told(), []);
  await settle();
  deepEqual(heard.slice(-2).map((e) => [e.event, e.chatId, e.reason ?? e.seq, e.chat?.seq]), [
    ["reset", 8, "new", 50],
    ["chat.updated", 8, 51, undefined],
  ]);
});

test("A chat that can't be resumed is loaded anew, and forgotten if it is gone", async () => {
  const { server, clock, of } = await online();
  const { socket } = server;
  socket.says({ event: "reset", data: { chat_id: 5, reason: "too_far", seq: 48 } });
  await clock.tick(1);
  deepEqual(of("reset").map(({ event, ...e }) => e), [{ chatId: 5, reason: "too_far", chat: { id: 5, seq: 50 } }]);
  socket.tells("chat.updated", 51);
  equal(of("chat.updated").length, 1);
  socket.says({ event: "reset", data: { chat_id: 5, reason: "not_found", seq: null } });
  equal(of("reset").at(-1).chat, null);
  socket.drops(1012);
  await clock.tick(1000);
  deepEqual(server.socket.resumed, [{}]);
});

test("A load that the connection did not outlive is void, and the next one tells of the chat", async () => {
  for (const begun of [0, 1]) {
    const { client, server, clock, of } = await online();
    server.socket.says({ event: "reset", data: { chat_id: 5, reason: "expired", seq: 48 } });
    if (begun) for (let turn = 0; turn < 5; turn++) await null;
    equal(server.to("GET /chats/5").length, begun);
    server.socket.drops(1012);
    server.resumes = false;
    await clock.tick(1000);
    equal(server.to("GET /chats/5").length, begun);
    equal(of("reset").length, 0);
    const { socket } = server;
    deepEqual(socket.resumed, [{}]);
    socket.says({ event: "resumed", data: { chats: {}, new: [5] }, request_id: socket.sent[0].request_id });
    await clock.tick(1);
    deepEqual(of("reset").map((e) => e.reason), ["new"]);
    client.close();
  }
});

test("A listener that fails spoils nothing, and one that is taken off hears no more", async (t) => {
  const said = t.mock.method(console, "error", () => {});
  const { client, server, told } = await online();
  let calls = 0;
  const off = client.on("chat.updated", () => {
    calls++;
    throw new Error("mine");
  });
  server.socket.tells("chat.updated", 11);
  off();
  server.socket.tells("chat.updated", 12);
  deepEqual([calls, told().length, said.mock.callCount()], [1, 2, 1]);
});

test("Junk from the server is passed over", async () => {
  const { client, server } = await online();
  for (const data of ["{", "null", "5", "[]", "{}", new ArrayBuffer(2)]) server.socket.onmessage({ data });
  equal(client.state, "online");
});

// --- sending ------------------------------------------------------------------------------------

test("A send is pending, acknowledged, and told once, whichever of ack and event comes first", async () => {
  for (const first of ["ack", "event"]) {
    const { client, server, heard, of } = await online();
    const { socket } = server;
    const item = client.send({ chatId: 5, content: "hi" });
    equal(item.status, "sending");
    equal(of("pending")[0].message.content, "hi");
    const [command] = socket.commands("message.send");
    equal(command.data.client_message_id, item.localId);
    const message = stored(70, 11);
    if (first === "ack") socket.acks(command, message);
    socket.tells("message.created", 11, message);
    if (first === "event") {
      equal(of("message.created").length, 0);
      socket.acks(command, message);
    }
    deepEqual(await item.sent, message);
    const names = heard.map((e) => e.event).filter((name) => name !== "state" && name !== "synced");
    deepEqual(names, ["pending", "sent", "message.created"]);
    equal(of("message.created")[0].localId, item.localId);
    equal(item.status, "sent");
    deepEqual(client.pending, []);
  }
});

test("What comes behind an own message that is not understood yet waits, in its chat only", async () => {
  const { client, server, told } = await online();
  server.socket.tells("chat.created", 1, {}, 0, 6);
  const { socket } = server;
  client.send({ chatId: 5, content: "hi" });
  socket.tells("message.created", 11, stored(70, 11, { author: 2 }));
  socket.tells("message.created", 12, stored(71, 12));
  socket.tells("reaction.added", 13, { message_id: 71 });
  socket.tells("chat.updated", 2, {}, 1, 6);
  deepEqual(told(), ["chat.created 1", "message.created 11", "chat.updated 2"]);
  socket.acks(socket.commands("message.send")[0], stored(71, 12));
  deepEqual(told().slice(3), ["message.created 12", "reaction.added 13"]);
});

test("A message is told as soon as it is known, also while the next one is on its way", async () => {
  const { client, server, told } = await online();
  const { socket } = server;
  for (const content of ["a", "b"]) client.send({ chatId: 5, content });
  socket.acks(socket.sent[0], stored(70, 11));
  equal(socket.sent.length, 2);
  socket.tells("message.created", 11, stored(70, 11));
  deepEqual(told(), ["message.created 11"]);
});

test("An own message from another device is told without a local id, after the one on its way is known", async () => {
  const { client, server, of } = await online();
  const { socket } = server;
  client.send({ chatId: 5, content: "here" });
  socket.tells("message.created", 11, stored(70, 11, { content: "there" }));
  socket.tells("message.created", 12, stored(71, 12, { content: "here" }));
  socket.acks(socket.commands("message.send")[0], stored(71, 12));
  deepEqual(of("message.created").map((e) => [e.data.id, e.localId !== undefined]), [[70, false], [71, true]]);
  socket.tells("message.created", 13, stored(72, 13, { content: "there" }));
  equal(of("message.created").length, 3);
});

test("A chat's sends go one after the other, those of other chats beside them", async () => {
  const { client, server } = await online();
  const { socket } = server;
  socket.tells("chat.created", 1, {}, 0, 6);
  for (const content of ["a", "b", "c"]) client.send({ chatId: 5, content });
  client.send({ chatId: "6", content: "d" });
  const contents = () => socket.commands("message.send").map(({ data }) => data.content);
  deepEqual(contents(), ["a", "d"]);
  socket.acks(socket.commands("message.send")[0], stored(70, 11));
  deepEqual(contents(), ["a", "d", "b"]);
});

test("What is sent offline goes out in order once there is a connection", async () => {
  const { client, server, of } = world();
  const items = ["a", "b"].map((content) => client.send({ chatId: 5, content }));
  deepEqual(items.map(({ status }) => status), ["queued", "queued"]);
  await client.connect();
  const { socket } = server;
  socket.acks(socket.sent[0], stored(70, 11));
  socket.acks(socket.sent[1], stored(71, 12));
  deepEqual(socket.sent.map(({ data }) => data.content), ["a", "b"]);
  deepEqual((await Promise.all(items.map(({ sent }) => sent))).map(({ id }) => id), [70, 71]);
  equal(of("pending").length, 2);
});

test("A send whose ack was lost comes again under the same key, and its event waits for that", async () => {
  const { client, server, clock, of } = await online();
  const item = client.send({ chatId: 5, content: "hi" });
  server.socket.drops();
  equal(item.status, "queued");
  equal(item.drop(), false);
  server.resumes = false;
  await clock.tick(1000);
  const { socket } = server;
  socket.tells("message.created", 11, stored(70, 11));
  socket.says({ event: "resumed", data: { chats: { 5: 11 }, new: [] }, request_id: socket.sent[0].request_id });
  equal(of("message.created").length, 0);
  const [again] = socket.commands("message.send");
  equal(again.data.client_message_id, item.localId);
  socket.acks(again, stored(70, 11));
  equal((await item.sent).id, 70);
  deepEqual(of("message.created").map((e) => e.localId), [item.localId]);
  equal(of("pending").length, 1);
});

test("A refusal after a lost ack leaves it open what was stored", async () => {
  const { client, server, clock, told } = await online();
  client.send({ chatId: 5, content: "hi" });
  server.socket.drops();
  await clock.tick(1000);
  const { socket } = server;
  socket.refuses(socket.sent[0], "unavailable", { retry_after: 5 });
  socket.tells("message.created", 11, stored(70, 11));
  deepEqual(told(), []);
  await clock.tick(10_000);
  socket.acks(socket.sent[1], stored(70, 11));
  deepEqual(told(), ["message.created 11"]);
});

test("What waits to come again comes with the next connection", async () => {
  const { client, server, clock } = await online();
  client.send({ chatId: 5, content: "hi" });
  server.socket.refuses(server.socket.sent[0], "rate_limited", { retry_after: 20 });
  server.socket.drops();
  await clock.tick(1000);
  equal(server.socket.commands("message.send").length, 1);
});

test("If its chat was loaded anew meanwhile, it is in there", async () => {
  const { client, server, clock, of } = await online();
  const item = client.send({ chatId: 5, content: "hi" });
  server.socket.tells("message.created", 11, stored(70, 11));
  server.socket.says({ event: "reset", data: { chat_id: 5, reason: "expired", seq: 48 } });
  await clock.tick(1);
  server.socket.acks(server.socket.sent[0], stored(70, 11));
  equal((await item.sent).id, 70);
  server.socket.tells("message.created", 51, stored(90, 51));
  deepEqual(of("message.created").map((e) => [e.data.id, e.localId]), [[90, undefined]]);
});

test("What is refused for good fails, holds up nothing, and can be tried again under the same key", async () => {
  const { client, server, of } = await online();
  const { socket } = server;
  const item = client.send({ chatId: 5, content: "bad" });
  client.send({ chatId: 5, content: "good" });
  socket.refuses(socket.sent[0], "forbidden");
  await rejects(item.sent, (error) => error instanceof MessengerError && error.status === 403);
  deepEqual(of("failed").map((e) => e.localId), [item.localId]);
  equal(socket.sent[1].data.content, "good");
  socket.acks(socket.sent[1], stored(70, 11));
  const sent = item.retry();
  equal(socket.sent[2].data.client_message_id, item.localId);
  socket.acks(socket.sent[2], stored(71, 12));
  equal((await sent).id, 71);
});

test("What was never sent can be taken back", async () => {
  const { client, server } = await online();
  const [first, second, third] = ["a", "b", "c"].map((content) => client.send({ chatId: 5, content }));
  equal(second.drop(), true);
  await rejects(second.sent, { code: "dropped" });
  equal(first.drop(), false);
  server.socket.acks(server.socket.sent[0], stored(70, 11));
  deepEqual(server.socket.sent.map(({ data }) => data.content), ["a", "c"]);
  equal(third.drop(), false);
});

test("What is refused for now comes again in its place, and own messages do not wait for it", async () => {
  const { client, server, clock, told } = await online();
  const { socket } = server;
  for (const content of ["a", "b"]) client.send({ chatId: 5, content });
  socket.refuses(socket.sent[0], "rate_limited", { retry_after: 2 });
  socket.tells("message.created", 11, stored(70, 11, { content: "there" }));
  deepEqual(told(), ["message.created 11"]);
  await clock.tick(1999);
  equal(socket.sent.length, 1);
  await clock.tick(1001);
  socket.acks(socket.sent[1], stored(71, 12));
  deepEqual(socket.sent.map(({ data }) => data.content), ["a", "a", "b"]);
  equal(socket.sent[0].data.client_message_id, socket.sent[1].data.client_message_id);
});

test("An error that names no command: after too many frames all come again, too large a one fails", async () => {
  const { client, server, clock, told } = await online();
  const { socket } = server;
  socket.tells("chat.created", 1, {}, 0, 6);
  const small = client.send({ chatId: 5, content: "x" });
  const large = client.send({ chatId: 6, content: "x".repeat(100) });
  socket.refuses(null, "too_large");
  deepEqual([small.status, large.status], ["sending", "failed"]);
  socket.refuses(null, "rate_limited", { retry_after: 1 });
  socket.tells("message.created", 11, stored(70, 11));
  deepEqual(told(), ["chat.created 1"]); // it may be ours
  await clock.tick(1500);
  socket.acks(socket.commands("message.send").at(-1), stored(70, 11));
  equal((await small.sent).id, 70);
  deepEqual(told(), ["chat.created 1", "message.created 11"]);
});

test("A send that is never answered is tried on new connections, and fails in the end", async () => {
  const { client, server, clock } = await online();
  const item = client.send({ chatId: 5, content: "x" });
  await clock.tick(200_000);
  equal(item.status, "failed");
  equal(item.error.code, "timeout");
  const keys = server.sockets.flatMap((socket) => socket.commands("message.send")).map((c) => c.data.client_message_id);
  deepEqual(keys, Array(4).fill(item.localId));
  client.close();
});

test("A send on which the server stumbles each time fails in the end", async () => {
  const { client, server, clock } = await online();
  const { socket } = server;
  const item = client.send({ chatId: 5, content: "x" });
  for (let time = 1; time <= 4; time++) {
    equal(socket.commands("message.send").length, time);
    socket.refuses(socket.sent.at(-1), "internal_error");
    await clock.tick(10_000);
  }
  deepEqual([item.status, item.error.status, socket.commands("message.send").length], ["failed", 500, 4]);
});

test("What a moderator, a rule or a block refuses fails at once, holds up nothing and does not come again", async () => {
  for (const code of ["muted", "undeliverable", "content_rejected", "awaiting_review"]) {
    const { client, server, clock, of } = await online();
    const { socket } = server;
    const [first, second] = ["one", "two"].map((content) => client.send({ chatId: 5, content }));
    socket.refuses(socket.sent[0], code, { until: "2030-01-01T00:00:00Z" });
    deepEqual([first.status, first.error.status, first.error.until], ["failed", 403, "2030-01-01T00:00:00Z"], code);
    socket.acks(socket.sent[1], stored(71, 11));
    equal((await second.sent).id, 71);
    await clock.tick(120_000);
    deepEqual(socket.commands("message.send").map(({ data }) => data.content), ["one", "two"], code);
    equal(of("failed").length, 1);
  }
});

test("In slow mode a message waits for its turn, before those behind it", async () => {
  const { client, server, clock, of } = await online();
  const { socket } = server;
  const item = client.send({ chatId: 5, content: "x" });
  client.send({ chatId: 5, content: "y" });
  socket.refuses(socket.sent[0], "slow_mode", { retry_after: 10 });
  deepEqual([of("delayed").length, of("delayed")[0].error.retryAfter], [1, 10]);
  await clock.tick(9_900);
  equal(socket.commands("message.send").length, 1);
  await clock.tick(6_000);
  const contents = () => socket.commands("message.send").map(({ data }) => data.content);
  deepEqual(contents(), ["x", "x"]);
  socket.acks(socket.sent[1], stored(70, 11));
  equal((await item.sent).id, 70);
  deepEqual(contents(), ["x", "x", "y"]);
});

test("A turn that comes late, or never, makes a message in slow mode fail, and it can be tried again", async () => {
  const { client, server, clock } = await online();
  const { socket } = server;
  const late = client.send({ chatId: 5, content: "x" });
  socket.refuses(socket.sent[0], "slow_mode", { retry_after: 60 });
  deepEqual([late.status, late.error.status, late.error.retryAfter], ["failed", 429, 60]);
  late.drop();
  const unlucky = client.send({ chatId: 5, content: "y" });
  for (let time = 1; time <= 4; time++) {
    equal(socket.commands("message.send").length, time + 1);
    socket.refuses(socket.sent.at(-1), "slow_mode", { retry_after: 5 });
    await clock.tick(10_000);
  }
  deepEqual([unlucky.status, unlucky.error.code, socket.commands("message.send").length], ["failed", "slow_mode", 5]);
  const again = unlucky.retry();
  socket.acks(socket.sent.at(-1), stored(70, 11));
  equal((await again).id, 70);
});

test("A chat's id must be the integer", async () => {
  const { client } = world();
  for (const chatId of ["0f8fad5b-d9cb-469f-a165-70867728950e", 1.5, null]) {
    assert.throws(() => client.send({ chatId, content: "x" }), TypeError);
  }
});

// --- tokens and REST ----------------------------------------------------------------------------

test("Signing in keeps the pair, and tells it to who wants to keep it", async () => {
  const { server, clock } = world();
  const kept = [];
  const pair = { access_token: jwt(clock), refresh_token: "r", token_type: "bearer" };
  server.next("POST /auth/login", 200, pair);
  const options = { fetch: server.fetch, clock, onTokens: (tokens) => kept.push(tokens) };
  const client = await Messenger.login("https://chat.example/", { email: "a@b.c", password: "p" }, options);
  deepEqual(kept, [{ access_token: pair.access_token, refresh_token: "r" }]);
  await client.me();
  equal(server.calls.at(-1).headers.Authorization, `Bearer ${pair.access_token}`);
  server.next("POST /auth/login", 401, { code: "wrong_credentials", detail: "No." });
  await rejects(client.login({ username: "a", password: "q" }), { status: 401, code: "wrong_credentials", detail: "No." });
});

test("A token is exchanged before it expires, and the open socket told", async () => {
  const { client, server, clock } = await online();
  await clock.tick(800_000);
  equal(server.to("POST /auth/refresh").length, 0);
  await clock.tick(45_000);
  equal(server.to("POST /auth/refresh").length, 1);
  const [told] = server.socket.commands("auth.refresh");
  equal(told.data.token, client.tokens.access_token);
  equal(server.to("POST /auth/refresh")[0].body.refresh_token, "r0");
  server.sockets.at(-1).acks(told, { expires_at: "x" });
  client.close();
});

test("A token that the socket will not have leads to a new socket", async () => {
  const { client, server, clock } = await online();
  const [first] = server.sockets;
  await client.refresh();
  first.refuses(first.commands("auth.refresh")[0], "unauthenticated");
  await clock.tick(1000);
  equal(server.sockets.length, 2);
  equal(client.state, "online");
});

test("Calls that find the token expired share one exchange", async () => {
  const { client, server, clock } = world();
  await clock.tick(950_000);
  await Promise.all([client.me(), client.chats(), client.users({ search: "b" })]);
  equal(server.to("POST /auth/refresh").length, 1);
  deepEqual(server.to("GET /users")[0].query, { search: "b" });
});

test("After a 401 a call is repeated once with a fresh token", async () => {
  const { client, server } = world();
  server.next("GET /auth/me", 401, { code: "unauthenticated" });
  await client.me();
  equal(server.to("GET /auth/me").length, 2);
  equal(server.to("POST /auth/refresh").length, 1);
  server.next("GET /auth/me", 401, { code: "unauthenticated" });
  server.next("GET /auth/me", 401, { code: "unauthenticated" });
  await rejects(client.me(), { status: 401 });
  equal(server.to("GET /auth/me").length, 4);
});

test("An exchange that is refused signs out, everywhere and for good", async () => {
  const kept = [];
  const { client, server, clock, of } = await online({ onTokens: (tokens) => kept.push(tokens) });
  server.next("POST /auth/refresh", 401, { code: "token_reused" });
  server.socket.drops(4401);
  await clock.tick(120_000);
  equal(of("signedOut").length, 1);
  equal(client.state, "offline");
  deepEqual(kept, [null]);
  equal(clock.timers.size, 0);
  await rejects(client.me(), { code: "signed_out" });
});

test("An exchange that merely failed is tried again, and nobody is signed out", async () => {
  const { client, server, clock, of } = await online();
  for (const status of [0, 503]) server.next("POST /auth/refresh", status, { code: "unavailable" });
  server.socket.drops(4401);
  await clock.tick(10_000);
  equal(client.state, "online");
  equal(of("signedOut").length, 0);
});

test("A token that is only about to expire still does while no other is to be had", async () => {
  const { client, server, clock } = world();
  await clock.tick(860_000);
  server.next("POST /auth/refresh", 0);
  await client.me();
  equal(server.to("GET /auth/me").length, 1);
});

test("A refusal of the exchange counts also while the old token would still do", async () => {
  const { client, server, clock, of } = world();
  await clock.tick(860_000);
  server.next("POST /auth/refresh", 401, { code: "unauthenticated" });
  await rejects(client.me(), { status: 401, code: "unauthenticated" });
  equal(of("signedOut").length, 1);
});

test("An exchange that is overtaken by signing out, or by somebody else, changes nothing", async () => {
  for (const status of [200, 401]) {
    const { client, server, clock, of } = world();
    if (status === 401) server.next("POST /auth/refresh", 401);
    const other = { access_token: jwt(clock, { user: 2 }), refresh_token: "r2" };
    const exchanged = client.refresh().catch(() => {});
    while (!server.to("POST /auth/refresh").length) await null;
    client.setTokens(other);
    await exchanged;
    deepEqual(client.tokens, other);
    equal(of("signedOut").length, 0);
  }
  const { client } = world();
  const exchanged = client.refresh();
  await Promise.all([client.logout(), exchanged]);
  equal(client.tokens, null);
});

test("Who was banned meanwhile hears of it at the exchange", async () => {
  const { client, server, of } = world();
  server.next("POST /auth/refresh", 403, { code: "banned" });
  await rejects(client.refresh(), { code: "banned" });
  deepEqual([of("banned").length, of("signedOut").length, client.tokens], [1, 0, null]);
});

test("A pair that another tab has exchanged is taken over", async () => {
  let kept = null;
  const { client, server, clock } = world({ loadTokens: () => kept, onTokens: (tokens) => (kept = tokens) });
  await clock.tick(950_000);
  kept = { access_token: jwt(clock), refresh_token: "other" };
  await client.me();
  equal(server.to("POST /auth/refresh").length, 0);
  equal(client.tokens.refresh_token, "other");
  await clock.tick(950_000);
  await client.me();
  equal(server.to("POST /auth/refresh")[0].body.refresh_token, "other");
  server.next("GET /auth/me", 401);
  await client.me();
  equal(server.to("POST /auth/refresh").length, 2);
  deepEqual(kept, client.tokens);

  // Quicker by a moment; and what is kept may be too old as well.
  const quicker = { access_token: jwt(clock), refresh_token: "quicker" };
  server.next("POST /auth/refresh", 401, { code: "token_reused" });
  const exchanged = client.refresh();
  kept = quicker;
  await exchanged;
  deepEqual(client.tokens, quicker);
  kept = { access_token: jwt(clock, { life: -5 }), refresh_token: "old" };
  server.next("POST /auth/refresh", 401, { code: "unauthenticated" });
  await rejects(client.refresh(), { code: "unauthenticated" });
  equal(server.calls.at(-1).body.refresh_token, "old");
  equal(kept, null);
});

test("Tokens may come from elsewhere", async () => {
  const asked = [];
  const { client, server, clock, of } = world(({ clock }) => ({
    tokens: null,
    getToken: ({ refused }) => {
      asked.push(refused);
      return asked.length > 2 ? refused : jwt(clock);
    },
  }));
  await client.connect();
  const [first] = server.sockets;
  equal(first.protocols[1], client.tokens.access_token);
  first.drops(4401);
  await clock.tick(1000);
  equal(client.state, "online");
  deepEqual(asked, [null, first.protocols[1]]);
  server.socket.drops(4401);
  await clock.tick(10_000);
  equal(of("signedOut").length, 1);
});

test("Our clock may be wrong", async () => {
  const { client, server, clock } = world();
  clock.time += 3_600_000; // the server's is an hour behind
  const real = jwt({ now: () => clock.time - 3_600_000 });
  server.next("POST /auth/login", 200, { access_token: real, refresh_token: "r" });
  await client.login({ email: "a@b.c", password: "p" });
  await client.me();
  await client.me();
  equal(server.to("POST /auth/refresh").length, 0);
});

test("Somebody else who signs in starts from nothing", async () => {
  const { client, server, clock, of } = await online();
  const item = client.send({ chatId: 5, content: "mine" });
  server.chats = [{ id: 9, seq: 3 }];
  client.setTokens({ access_token: jwt(clock, { user: 2 }), refresh_token: "r" });
  await clock.tick(1000);
  equal(item.status, "failed");
  deepEqual(server.socket.resumed, [{ 9: 3 }]);
  equal(server.socket.commands("message.send").length, 0);
  equal(of("synced").length, 2);
});

test("An error has the server's words", async () => {
  const { client, server } = world();
  const body = { code: "invalid", detail: "name: too long", errors: { name: ["too long"] } };
  server.next("POST /chats", 400, body);
  await rejects(client.createChat({ name: "x" }), { status: 400, code: "invalid", detail: body.detail, errors: body.errors });
  server.next("GET /auth/me", 502, null);
  await rejects(client.me(), { status: 502, code: "error", retryAfter: null });
  server.next("GET /auth/me", 0);
  await rejects(client.me(), { status: 0, code: "network" });
});

test("What may be repeated waits for Retry-After, and comes again three times at most", async () => {
  const { client, server, clock } = world();
  server.next("GET /chats", 503, { code: "unavailable" }, { "Retry-After": "2" });
  const chats = client.chats();
  await clock.tick(1900);
  equal(server.to("GET /chats").length, 1);
  await clock.tick(1200);
  await chats;
  equal(server.to("GET /chats").length, 2);

  for (let time = 0; time < 9; time++) server.next("POST /messages", 429, { code: "rate_limited", retry_after: 1 });
  const sent = client.postMessage({ chatId: 5, content: "x" });
  await Promise.all([rejects(sent, { status: 429, retryAfter: 1 }), clock.tick(60_000)]);
  const keys = server.to("POST /messages").map(({ headers }) => headers["Idempotency-Key"]);
  equal(keys.length, 4);
  equal(new Set(keys).size, 1);
});

test("What may not be repeated, or only in an hour, fails at once", async () => {
  const { client, server, clock } = world();
  server.next("POST /chats", 429, { code: "rate_limited", retry_after: 1 });
  await rejects(client.createChat({ name: "x" }), { status: 429 });
  server.next("GET /chats", 429, { code: "rate_limited", retry_after: 3600 });
  await rejects(client.chats(), { retryAfter: 3600 });
  equal(clock.timers.size, 0);
});

test("A call that hangs is given up", async () => {
  const hangs = (url, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("x"))));
  const { client, clock } = world({ fetch: hangs });
  await Promise.all([rejects(client.me(), { code: "timeout" }), clock.tick(30_000)]);
});

test("Signing out ends the login, the connection and the tokens", async () => {
  const { client, server, clock } = await online();
  await client.logout();
  equal(server.to("POST /auth/logout").length, 1);
  equal(client.tokens, null);
  equal(client.state, "offline");
  equal(clock.timers.size, 0);
});

test("Every method asks the path of the contract", async () => {
  const { client, server } = world();
  const asked = async (call) => {
    await call;
    const { path, body, query } = server.calls.at(-1);
    return [path, body ?? query];
  };
  const is = async (call, path, words = {}) => deepEqual(await asked(call), [path, words]);
  await is(client.createChat({ name: "n", isOpen: true, userIds: [2] }), "POST /chats", { name: "n", is_open: true, user_ids: [2] });
  await is(client.chats({ limit: 3, cursor: "c" }), "GET /chats", { limit: "3", cursor: "c" });
  await is(client.updateChat(5, { isOpen: false }), "PATCH /chats/5", { is_open: false });
  await is(client.deleteChat(5), "DELETE /chats/5");
  await is(client.members(5), "GET /chats/5/members");
  await is(client.addMember(5, 2), "POST /chats/5/members", { user_id: 2 });
  await is(client.setRole(5, 2, "owner"), "PATCH /chats/5/members/2", { role: "owner" });
  await is(client.removeMember(5, 2), "DELETE /chats/5/members/2");
  await is(client.join(5), "POST /chats/5/join");
  await is(client.leave(5), "POST /chats/5/leave");
  await is(client.readUpTo(5, 7), "POST /chats/5/read", { up_to_message_id: 7 });
  await is(client.events(5, { afterSeq: 3 }), "GET /chats/5/events", { after_seq: "3" });
  await is(client.messages({ chatId: 5, aroundId: 7 }), "GET /messages", { chat_id: "5", around_id: "7" });
  await is(client.messages({ chatId: 5, afterId: 0 }), "GET /messages", { chat_id: "5", after_id: "0" });
  await is(client.postMessage({ chatId: 5, content: "x", replyToId: 7 }), "POST /messages", { chat_id: 5, content: "x", reply_to_id: 7 });
  await is(client.editMessage(7, "y"), "PUT /messages/7/edit", { content: "y" });
  await is(client.messageStatus(7), "GET /messages/7/status");
  await is(client.deleteMessage(7), "DELETE /messages/7");
  await is(client.addReaction(7, "❤️"), "POST /messages/7/reactions", { emoji: "❤️" });
  await is(client.removeReaction(7, "❤️"), "DELETE /messages/7/reactions/%E2%9D%A4%EF%B8%8F");
  await is(client.user(2), "GET /users/2");
  await is(client.presence(), "GET /presence/me");
  await is(client.presence(2), "GET /presence/2");
  await is(client.heartbeat(), "POST /presence/heartbeat");
  await is(client.whoTypes(5), "GET /presence/typing/5");
  await is(client.ticket(), "POST /auth/ws-ticket");
  await is(client.updateChat(5, { slowMode: 30 }), "PATCH /chats/5", { slow_mode: 30 });
  await is(client.report({ messageId: 7, reason: "spam" }), "POST /reports", { message_id: 7, reason: "spam" });
  await is(client.report({ userId: 2, chatId: 5, reason: "other", comment: "y" }), "POST /reports", { user_id: 2, chat_id: 5, reason: "other", comment: "y" });
  await is(client.block(2), "POST /blocks", { user_id: 2 });
  await is(client.unblock(2), "DELETE /blocks/2");
  await is(client.blocks({ limit: 3, cursor: "c" }), "GET /blocks", { limit: "3", cursor: "c" });
  await is(client.decisions({ cursor: "c" }), "GET /me/decisions", { cursor: "c" });
  await is(client.appeal(4, "Why?"), "POST /me/appeals", { decision_id: 4, text: "Why?" });
  await is(client.exportData(), "GET /me/export");
  await is(client.deleteAccount("p", { messages: true }), "DELETE /me", { password: "p", messages: true });
});

test("History comes page by page to its beginning", async () => {
  const { client, server } = world();
  server.next("GET /messages", 200, { messages: [{ id: 9 }, { id: 8 }], has_more: true, next_cursor: 8 });
  server.next("GET /messages", 200, { messages: [{ id: 7 }], has_more: false, next_cursor: null });
  const ids = [];
  for await (const page of client.history(5, { limit: 2 })) ids.push(...page.map(({ id }) => id));
  deepEqual(ids, [9, 8, 7]);
  deepEqual(server.to("GET /messages").map(({ query }) => query.before_id), [undefined, "8"]);
});

// --- presence and typing ------------------------------------------------------------------------

test("Typing is said every three seconds, and that it is over after four without a key", async () => {
  const { client, server, clock } = await online();
  const said = () => server.socket.commands("typing").map(({ data }) => data.is_typing);
  for (let key = 0; key < 8; key++) {
    client.typing(5);
    await clock.tick(500);
  }
  deepEqual(said(), [true, true]);
  await clock.tick(4000);
  deepEqual(said(), [true, true, false]);
  client.typing(5, false);
  equal(said().length, 3);
  client.typing(5);
  client.send({ chatId: 5, content: "x" });
  deepEqual(said().slice(3), [true, false]);
  await clock.tick(4000);
  equal(said().length, 5);
});

test("Away is said again on each new socket, until it is over", async () => {
  const { client, server, clock } = await online();
  client.setPresence("away");
  server.socket.drops(1012);
  await clock.tick(1000);
  deepEqual(server.socket.commands("presence.set").map(({ data }) => data.status), ["away"]);
  client.setPresence("online");
  server.socket.drops();
  await clock.tick(5000);
  deepEqual(server.socket.commands("presence.set"), []);
});

test("That somebody is there is said every half minute at most", async () => {
  const { client, server, clock } = await online();
  const said = () => server.socket.commands("presence.set").map(({ data }) => data.status);
  for (let move = 0; move < 10; move++) {
    client.setPresence("online");
    await clock.tick(5000);
  }
  deepEqual(said(), ["online", "online"]);
  client.setPresence("away");
  client.setPresence("online");
  deepEqual(said().slice(2), ["away", "online"]);
});

test("A command without a method has its answer, and fails without a connection", async () => {
  const { client, server } = await online();
  const read = client.readMessage(7);
  server.socket.acks(server.socket.sent[0], { message_id: 7 });
  equal((await read).message_id, 7);
  const lost = client.command("chat.read", { chat_id: 5, up_to_message_id: 7 });
  server.socket.drops();
  await rejects(lost, { code: "disconnected" });
  await rejects(client.command("heartbeat"), { code: "offline" });
  client.close();
});
