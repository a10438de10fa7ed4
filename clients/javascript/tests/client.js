// The client with a started server, in Node.js.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CallFailed, ConnectionLost } from "../dist/index.js";
import { connect, once, server } from "./server.js";

async function collect(iterable) {
  const items = [];
  for await (const item of iterable) {
    items.push(item);
  }
  return items;
}

async function take(iterable, count) {
  const items = [];
  for await (const item of iterable) {
    if (items.push(item) === count) {
      return items;
    }
  }
  assert.fail(`the iteration has ended after ${items.length} items`);
}

/** Start a session, and return the headers with its cookie. */
async function signIn() {
  const response = await fetch(`${server.url}/api/session`, { method: "PUT" });
  return { cookie: response.headers.getSetCookie()[0].split(";")[0] };
}

// --- calls -----------------------------------------------------------------------------------

test("a call resolves with the response, or is rejected with the error of the server", async () => {
  const client = connect();

  assert.deepEqual(await client.call("who"), { user: null });
  await assert.rejects(client.call("say", { channel: "room:1", text: "" }), (error) => {
    assert.ok(error instanceof CallFailed);
    assert.equal(error.type, "CONNECTION_ACTION_PARAM_REQUIRED");
    assert.deepEqual([error.key, error.value, error.errors[0].pointer], ["text", "", "/text"]);
    assert.equal(error.requestId, error.document.request_id);
    return true;
  });
  await assert.rejects(client.call("nonesuch"), { type: "CONNECTION_ACTION_NOT_FOUND" });
  await assert.rejects(client.call("who", { big: 1n }), TypeError);
  await assert.rejects(client.call("who", { text: "é".repeat(33_000) }), RangeError);
});

test("calls over the rate of the server are sent again", async () => {
  const client = connect({ messagesPerSecond: 100 });
  const room = client.subscribe("room:rate");
  await room.ready;
  const texts = Array.from({ length: 30 }, (_, number) => `text ${number}`);

  await Promise.all(texts.map((text) => client.call("say", { channel: "room:rate", text })));

  // Those that were on their way meanwhile may have been handled before.
  const received = (await take(room, 30)).map(({ message }) => message);
  assert.deepEqual(received.sort(), texts.sort());
});

test("without a rate, calls over the rate of the server fail, and no others", async () => {
  const client = connect({ messagesPerSecond: 0 });

  const results = await Promise.allSettled(Array.from({ length: 25 }, () => client.call("who")));

  const failed = results.filter(({ status }) => status === "rejected");
  assert.equal(failed.length, 5);
  assert.ok(failed.every(({ reason }) => reason.type === "CONNECTION_RATE_LIMITED"));
});

test("a call that the action refuses for its rate is sent again on request", async () => {
  const client = connect({ minBackoffMs: 1 });
  const call = (options) => client.call("limited", {}, options);

  await assert.rejects(call({}), { type: "CONNECTION_RATE_LIMITED" });
  assert.deepEqual(await call({ retryRateLimited: true }), { calls: 3 });
});

test("a signal or a time limit ends the wait", async () => {
  const sent = [];
  const client = connect({}, { onSend: ({ action }) => sent.push(action) });
  const reason = new Error("changed my mind");
  const controller = new AbortController();
  const waiting = client.call("slow", { name: "aborted" }, { signal: controller.signal });
  await client.call("who");

  controller.abort(reason);

  await assert.rejects(waiting, reason);
  await assert.rejects(client.call("who", {}, { signal: controller.signal }), reason);
  await assert.rejects(client.call("slow", { name: "late" }, { timeoutMs: 50 }), { name: "TimeoutError" });
  await assert.rejects(collect(client.stream("count", {}, { signal: controller.signal })), reason);
  await assert.rejects(client.open({ signal: controller.signal }), reason);
  assert.deepEqual(sent, ["slow", "who", "slow"]);
  assert.throws(() => client.subscribe("live", { signal: controller.signal }), reason);
});

test("a closed client rejects calls and ends subscriptions", async () => {
  const client = connect();
  const room = client.subscribe("room:closed");
  await room.ready;
  const waiting = client.call("slow", { name: "closed" });
  await client.call("who");

  client.close();

  await assert.rejects(waiting, (error) => error instanceof ConnectionLost && error.sent);
  await assert.rejects(client.call("who"), (error) => error instanceof ConnectionLost && !error.sent);
  await assert.rejects(client.open(), ConnectionLost);
  assert.deepEqual(await collect(room), []);
  assert.equal(client.state, "closed");
});

// --- streams ---------------------------------------------------------------------------------

test("a stream is iterated, until its end or its error", async () => {
  const client = connect();

  const events = await collect(client.stream("count", { to: 2 }));

  assert.deepEqual(events, [
    { data: 1, event: "number", id: "1" },
    { data: 2, event: "number", id: "2" },
  ]);
  assert.deepEqual(await collect(client.chunks("text")), ["one, ", "two"]);
  await assert.rejects(collect(client.stream("count", { fails: true })), { message: "no more numbers" });
  await assert.rejects(collect(client.stream("count", { to: "a" })), { key: "to" });
  await assert.rejects(collect(client.stream("who")), /does not stream; use call/);
});

test("leaving the loop or aborting the signal ends a stream, also on the server", async () => {
  const client = connect();
  const controller = new AbortController();

  assert.deepEqual(await take(client.stream("endless"), 2), [{ data: "two\nlines" }, { data: "two\nlines" }]);
  await assert.rejects(async () => {
    for await (const _ of client.stream("endless", {}, { signal: controller.signal })) {
      controller.abort();
    }
  }, { name: "AbortError" });
  await assert.rejects(client.call("endless"), /streams; use stream/);
  await Promise.all([1, 2, 3].map(() => client.call("ended")));
});

// --- channels --------------------------------------------------------------------------------

test("a subscription receives broadcasts, as an iterable and by handlers", async () => {
  const client = connect();
  const room = client.subscribe("room:1");
  const handled = [];
  await room.ready;

  await client.call("say", { channel: "room:1", text: "Hello", count: 3 });

  const broadcasts = await take(room, 3);
  assert.deepEqual(broadcasts.map(({ message }) => message), ["Hello 0", "Hello 1", "Hello 2"]);
  assert.deepEqual(broadcasts[2], {
    channel: "room:1", message: "Hello 2", sender: "say", id: room.lastId, afterGap: false,
  });
  // Leaving the loop has ended the subscription; another one resumes anywhere.
  const again = client.subscribe("room:1", { since: broadcasts[0].id });
  again.on("message", ({ message }) => handled.push(message));
  assert.throws(() => client.subscribe("room:1"), /already/);
  await once(again, "message", ({ message }) => message === "Hello 2");
  assert.deepEqual(handled, ["Hello 1", "Hello 2"]);
  again.unsubscribe();
  await client.call("say", { channel: "room:1", text: "unheard" });
  await client.call("who");
  assert.deepEqual(handled, ["Hello 1", "Hello 2"]);
});

test("broadcasts that arrive before their handler are not lost", async () => {
  const client = connect();
  const room = client.subscribe("room:early");
  await room.ready;
  await client.call("say", { channel: "room:early", text: "early" });
  await client.call("who");

  assert.equal((await once(room, "message")).message, "early");
});

test("the members of a channel follow the presence events", async () => {
  const [first, second] = [connect(), connect()];
  const loadMembers = async () => (await first.call("present", { channel: "room:2" })).members;
  const room = first.subscribe("room:2", { loadMembers });
  await once(room, "presence", ({ event }) => event === "load");
  const own = [...room.members];

  const joined = once(room, "presence", ({ event }) => event === "join");
  second.subscribe("room:2");
  const { key } = await joined;
  assert.equal(own.length, 1);
  assert.deepEqual([...room.members], [...own, key]);
  const left = once(room, "presence", ({ event }) => event === "leave");
  second.close();
  assert.equal((await left).key, key);
  assert.deepEqual([...room.members], own);
});

test("many channels are subscribed to with one message, also after a reconnect", async () => {
  const sent = [];
  const client = connect({}, { onSend: (message) => sent.push(message) });
  const channels = Array.from({ length: 60 }, (_, number) => `room:many-${number}`);
  const subscriptions = channels.map((channel) => client.subscribe(channel));
  const refused = client.subscribe("no such channel");
  await assert.rejects(refused.ready, { type: "CONNECTION_CHANNEL_VALIDATION" });
  await Promise.all(subscriptions.map(({ ready }) => ready));
  await client.call("say", { channel: "room:many-59", text: "before" });
  const { id } = (await subscriptions[59].next()).value;

  client.reconnect();
  await client.call("say", { channel: "room:many-59", text: "after" });

  assert.equal((await subscriptions[59].next()).value.message, "after");
  const [first, , second] = sent;
  assert.deepEqual([first.channels.length, second.channels], [61, channels]);
  assert.equal(second.since["room:many-59"], id);
  assert.equal(sent.length, 4);
});

test("a refused subscription ends with the error of the server", async () => {
  const client = connect();
  const members = client.subscribe("members");
  const end = once(members, "end");

  await assert.rejects(members.ready, { type: "CONNECTION_CHANNEL_AUTHORIZATION" });

  await assert.rejects(collect(members), CallFailed);
  assert.equal((await end).error.type, "CONNECTION_CHANNEL_AUTHORIZATION");
  assert.equal(client.state, "open");
});

test("messages to the client are events, from the first one on", async () => {
  const client = connect({}, { headers: await signIn() });
  const messages = [];
  client.on("direct", ({ message }) => messages.push(message));
  const last = once(client, "direct", ({ message }) => message === null);

  await client.call("notify", { user: 7, message: null });

  await last;
  assert.deepEqual(messages, [{ welcome: 7 }, null]);
});

test("the end of a session ends its subscriptions, and is an event", async () => {
  const headers = await signIn();
  const client = connect({}, { headers });
  const members = client.subscribe("members");
  await members.ready;
  assert.deepEqual(await client.call("who"), { user: 7 });
  const events = [once(client, "sessionEnd"), once(members, "end")];

  await fetch(`${server.url}/api/session`, { method: "DELETE", headers });

  const [sessionEnd, { error }] = await Promise.all(events);
  assert.deepEqual(sessionEnd, { channel: "members" });
  assert.match(error.message, /ended the subscription/);
  assert.deepEqual(await client.call("who"), { user: null });
});

test("a reconnect on request keeps the subscriptions", async () => {
  const client = connect();
  const room = client.subscribe("room:3");
  await room.ready;

  client.reconnect();

  await once(client, "state", ({ state }) => state === "open");
  await client.call("say", { channel: "room:3", text: "after" });
  assert.deepEqual((await take(room, 1)).map(({ message }) => message), ["after"]);
  assert.equal(client.reconnections, 1);
});
