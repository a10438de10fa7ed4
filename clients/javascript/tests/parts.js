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

test("without a socket, the error states the remedy", { skip: "WebSocket" in globalThis }, async () => {
  const client = new ActionHeroClient("ws://127.0.0.1/ws");

  await assert.rejects(client.call("who"), /no global WebSocket; pass createSocket/);
  await assert.rejects(client.open(), /no global WebSocket; pass createSocket/);
  assert.throws(() => client.subscribe("room:1"), /no global WebSocket; pass createSocket/);
});
