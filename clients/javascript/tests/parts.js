// The parts of the client without a server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEvent } from "../dist/parts/events.js";
import { ActionHeroClient } from "../dist/index.js";
import { Backoff, Pacer } from "../dist/parts/rate.js";

test("no second has more messages than the limit", () => {
  const pacer = new Pacer(20);
  const sent = [];

  for (let now = 0; sent.length < 100; now += pacer.delay(now) || 1) {
    if (!pacer.delay(now)) {
      pacer.count(now);
      sent.push(now);
    }
  }

  for (const start of sent) {
    assert.ok(sent.filter((time) => time >= start && time <= start + 1000).length <= 20);
  }
  assert.ok(sent.at(-1) < 6000);
  pacer.slowDown(7000);
  pacer.slowDown(7001);
  assert.ok(pacer.delay(7000) > 1000);
  assert.equal(pacer.limit, 10);
  pacer.delay(20_000);
  assert.equal(pacer.limit, 20);
  pacer.reset();
  assert.equal(pacer.delay(7000), 0);
});

test("the delay of a reconnect is random, below a limit that doubles", (context) => {
  const backoff = new Backoff(200, 1000);
  context.mock.method(Math, "random", () => 0.5);

  assert.deepEqual([1, 2, 3, 4, 5].map(() => backoff.next()), [100, 200, 400, 500, 500]);
  backoff.reset();
  assert.equal(backoff.next(), 100);
  backoff.reset();
  backoff.exhaust();
  assert.equal(backoff.next(), 500);
});

test("the events of a stream are parsed", () => {
  assert.deepEqual(parseEvent("event: a\nid: 1\nretry: 250\ndata: {\"b\": 2}\n\n"), {
    data: { b: 2 }, event: "a", id: "1", retry: 250,
  });
  assert.deepEqual(parseEvent("data: first\ndata:second\ndata\r\n\r\n"), { data: "first\nsecond\n" });
  assert.equal(parseEvent(": comment\n\n"), undefined);
  assert.throws(() => parseEvent('event: error\ndata: {"error": {"message": "m", "type": "t"}}\n\n'), { name: "CallFailed" });
});

test("after 1008 the client waits longer, and a call that may have caused it is not repeated", async (context) => {
  context.mock.method(Math, "random", () => 0.001);
  const sockets = [];
  const createSocket = () => sockets[sockets.push({ send() {}, close() {} }) - 1];
  const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket });
  const call = client.call("who", {}, { idempotent: true });
  sockets[0].onopen();
  const states = [];
  client.on("state", (event) => states.push(event));

  sockets[0].onclose({ code: 1008, reason: "too fast" });

  await assert.rejects(call, { code: 1008, sent: true });
  assert.deepEqual(states, [{ state: "waiting", code: 1008, reason: "too fast", retryInMs: 10 }]);
  client.close();
});

test("delays grow while the server closes new connections, and start anew after a stable one", (context) => {
  let now = 0;
  context.mock.method(Math, "random", () => 1);
  context.mock.method(performance, "now", () => now);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sockets = [];
  const createSocket = () => sockets[sockets.push({ send() {}, close() {} }) - 1];
  const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket, maxBackoffMs: 1000 });
  const delays = [];
  client.on("state", ({ retryInMs }) => retryInMs === undefined || delays.push(retryInMs));
  void client.open();

  for (const seconds of [0, 0, 0, 0, 1, 0]) {
    const socket = sockets.at(-1);
    socket.onopen();
    socket.onmessage({ data: '{"direct": {"message": "welcome"}}' });
    now += seconds * 1000;
    socket.onclose({ code: 1013, reason: "" });
    context.mock.timers.tick(1000);
  }

  assert.deepEqual(delays, [200, 400, 800, 1000, 200, 400]);
  client.close();
});

test("a refused call that waits to be sent again survives a lost connection", async (context) => {
  context.mock.method(Math, "random", () => 0);
  const sent = [];
  const sockets = [];
  const createSocket = () =>
    sockets[sockets.push({ send: (text) => sent.push(JSON.parse(text)), close() {} }) - 1];
  const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket });
  const call = client.call("limited", {}, { retryRateLimited: true });
  const controller = new AbortController();
  const aborted = client.call("limited", {}, { retryRateLimited: true, signal: controller.signal });
  sockets[0].onopen();
  for (const messageId of [1, 2]) {
    const error = { type: "CONNECTION_RATE_LIMITED", message: "Too many calls" };
    sockets[0].onmessage({ data: JSON.stringify({ messageId, error }) });
  }

  sockets[0].onclose({ code: 1006, reason: "" });
  controller.abort("changed my mind");
  client.reconnect();
  sockets[1].onopen();

  await assert.rejects(aborted, (reason) => reason === "changed my mind");
  await new Promise((resolve) => setTimeout(resolve));
  const { messageId } = sent[2];
  sockets[1].onmessage({ data: JSON.stringify({ messageId, response: 1 }) });
  assert.equal(await call, 1);
  assert.equal(sent.length, 3);
  client.close();
});

test("messages before the confirmation are those of an earlier subscription", async () => {
  const sent = [];
  const socket = { send: (text) => sent.push(JSON.parse(text)), close() {} };
  const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket: () => socket });
  const receive = (message) => socket.onmessage({ data: JSON.stringify(message) });
  const broadcast = (number) =>
    receive({ message: { channel: "a", message: number, sender: "b", id: `${number}-0` } });
  const confirm = async () => {
    await new Promise(queueMicrotask);
    const { messageId } = sent.at(-1);
    receive({ messageId, subscribed: { channel: "a", gap: false, id: "1-0" } });
  };
  const earlier = client.subscribe("a");
  socket.onopen();
  await confirm();
  broadcast(1);
  earlier.unsubscribe();
  const later = client.subscribe("a", { since: earlier.lastId });
  const received = [];
  later.on("message", ({ message }) => received.push(message));

  broadcast(2);
  receive({ unsubscribed: { channel: "a" } });
  await confirm();
  broadcast(2);
  broadcast(3);

  assert.deepEqual(received, [2, 3]);
  assert.equal(sent.at(-1).since, "1-0");
  client.close();
});

test("a full buffer is a gap", async () => {
  const socket = { send() {}, close() {} };
  const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket: () => socket });
  const gaps = [];
  client.on("gap", (event) => gaps.push(event));
  const room = client.subscribe("a");
  socket.onopen();
  const receive = (message) => socket.onmessage({ data: JSON.stringify(message) });
  receive({ messageId: 1, subscribed: { channel: "a", gap: false, id: null } });

  for (let number = 0; number <= 10_000; number++) {
    receive({ message: { channel: "a", message: number, sender: "b" } });
  }

  const { message, afterGap } = (await room.next()).value;
  assert.deepEqual([message, afterGap, room.gaps], [1, true, 1]);
  assert.deepEqual(gaps, [{ channel: "a" }]);
  client.close();
});

test("a broadcast with an id is no presence event", async () => {
  const sent = [];
  const socket = { send: (text) => sent.push(JSON.parse(text)), close() {} };
  const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket: () => socket });
  const room = client.subscribe("a");
  socket.onopen();
  const receive = (message) => socket.onmessage({ data: JSON.stringify(message) });
  receive({ messageId: 1, subscribed: { channel: "a", gap: false, id: "1-0" } });
  const message = '{"event": "join", "presenceKey": "7"}';

  receive({ message: { channel: "a", message, sender: "presence" } });
  receive({ message: { channel: "a", message, sender: "presence", id: "2-0" } });

  assert.deepEqual((await room.next()).value, {
    channel: "a", message, sender: "presence", id: "2-0", afterGap: false,
  });
  client.close();
});

test("a handshake without an answer is a lost connection", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket: () => ({ close() {} }) });
  const states = [];
  client.on("state", ({ state, reason }) => states.push([state, reason]));
  void client.open().catch(() => {});

  context.mock.timers.tick(10_000);

  assert.deepEqual(states, [["connecting", undefined], ["waiting", "the server does not answer"]]);
  client.close();
});

for (const state of ["connecting", "open", "waiting"]) {
  test(`a client that a handler of the state ${state} closes stays closed`, (context) => {
    let now = 0;
    context.mock.method(performance, "now", () => now);
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const sockets = [];
    const createSocket = () => sockets[sockets.push({ send() {}, close() {} }) - 1];
    const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket });
    const states = [];
    client.on("state", (event) => states.push(event.state));
    client.on("state", (event) => event.state === state && client.close());

    void client.open().catch(() => {});
    sockets[0].onopen?.();
    sockets[0].onclose?.({ code: 1006, reason: "" });
    for (; now < 100_000; now += 10_000) {
      context.mock.timers.tick(10_000);
    }

    assert.equal(states.at(-1), "closed");
    assert.equal(states.filter((each) => each === "closed").length, 1);
    assert.equal(sockets.length, 1);
  });
}

// Returns the messages of errors that the client reports as uncaught, as they occur.
function reportedErrors(context) {
  const errors = [];
  context.mock.method(globalThis, "queueMicrotask", (callback) => {
    try {
      callback();
    } catch (error) {
      errors.push(error.message);
    }
  });
  return errors;
}

test("an error of the function `reconnect` ends the client", async (context) => {
  const errors = reportedErrors(context);
  const socket = { send() {}, close() {} };
  const reconnect = () => {
    throw new Error("expected");
  };
  const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket: () => socket, reconnect });
  const call = client.call("who");
  socket.onopen();

  socket.onclose({ code: 1006, reason: "" });

  await assert.rejects(call, { name: "ConnectionLost", sent: true });
  await assert.rejects(client.call("who"), { name: "ConnectionLost", sent: false });
  assert.equal(client.state, "closed");
  assert.deepEqual(errors, ["expected"]);
});

test("an error of the function `createSocket` is a failed attempt", async (context) => {
  const errors = reportedErrors(context);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sockets = [];
  const createSocket = () => {
    if (sockets.push({ send() {}, close() {} }) === 2) {
      throw new Error("expected");
    }
    return sockets.at(-1);
  };
  const client = new ActionHeroClient("ws://127.0.0.1/ws", { createSocket });
  const opened = client.open();
  sockets[0].onopen();
  await opened;

  sockets[0].onclose({ code: 1006, reason: "" });
  context.mock.timers.tick(10_000);
  context.mock.timers.tick(10_000);
  sockets.at(-1).onopen();

  assert.equal(client.state, "open");
  assert.deepEqual(errors, ["expected"]);
  client.close();
});

test("without a socket, the error states the remedy", { skip: "WebSocket" in globalThis }, async () => {
  const client = new ActionHeroClient("ws://127.0.0.1/ws");

  await assert.rejects(client.call("who"), /no global WebSocket; pass createSocket/);
  await assert.rejects(client.open(), /no global WebSocket; pass createSocket/);
  assert.throws(() => client.subscribe("room:1"), /no global WebSocket; pass createSocket/);
});
