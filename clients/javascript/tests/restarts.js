// The client with a server that is killed and started again, while another one sends broadcasts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CallFailed, ConnectionLost } from "../dist/index.js";
import { connect, once, other, server } from "./server.js";

for (const how of ["kill", "stop"]) {
  test(`nothing is lost without a gap: ${how}`, async () => {
    const client = connect({ maxBackoffMs: 300 });
    const writer = connect({}, { url: other.url });
    const names = ["room:a", "room:b", "short:c", "live"].map((name) => name.replace(/:/, `:${how}-`));
    const subscriptions = names.map((name) => client.subscribe(name));
    const received = new Map(subscriptions.map((each) => [each.channel, []]));
    for (const each of subscriptions) {
      each.on("message", (broadcast) => received.get(each.channel).push(broadcast));
    }
    await Promise.all(subscriptions.map(({ ready }) => ready));
    const say = (text) => Promise.all(names.map((channel) => writer.call("say", { channel, text, count: 5 })));
    const lasts = (text) => Promise.all(subscriptions.map((each) => once(each, "message", ({ message }) => message === `${text} 4`)));
    const before = lasts("before");
    await say("before");
    await before;
    const unknown = client.call("slow", { name: how });
    const repeated = client.call("slow", { name: `repeated ${how}` }, { idempotent: true });
    const stream = client.stream("endless");
    await stream.next();

    const lost = once(client, "state", ({ state }) => state === "waiting");
    const outcomes = Promise.allSettled([unknown, drain(stream)]);
    await server[how]();
    const { code } = await lost;
    const waiting = client.call("who");
    await say("during");
    const afterwards = lasts("after");
    await server.start();
    await Promise.all(subscriptions.slice(2).map((each) => once(each, "gap")));
    await say("after");
    await afterwards;

    assert.equal(code, how === "kill" ? 1006 : 1001);
    for (const { reason } of await outcomes) {
      // A server that shuts down still answers.
      assert.ok(how === "kill" ? reason instanceof ConnectionLost && reason.sent : reason instanceof CallFailed, reason);
    }
    assert.deepEqual(await waiting, { user: null });
    assert.deepEqual((await client.call("release")).calls, [`repeated ${how}`]);
    assert.deepEqual((await repeated).calls, [`repeated ${how}`]);
    const texts = (words) => words.flatMap((word) => [0, 1, 2, 3, 4].map((number) => `${word} ${number}`));
    for (const name of names.slice(0, 2)) {
      assert.deepEqual(received.get(name).map(({ message }) => message), texts(["before", "during", "after"]));
      assert.ok(received.get(name).every(({ afterGap }) => !afterGap));
    }
    const [short, live] = names.slice(2).map((name) => received.get(name));
    assert.deepEqual(
      short.filter(({ message }) => message.startsWith("during")).map(({ message, afterGap }) => [message, afterGap]),
      [["during 3", true], ["during 4", false]],
    );
    assert.deepEqual(live.map(({ message }) => message), texts(["before", "after"]));
    assert.deepEqual(live.filter(({ afterGap }) => afterGap).map(({ message }) => message), ["after 0"]);
    assert.deepEqual(subscriptions.map(({ gaps }) => gaps), [0, 0, 1, 1]);
  });
}

async function drain(iterable) {
  for await (const _ of iterable);
}

test("a server that does not answer is a lost connection", async () => {
  const client = connect({ heartbeatMs: 200 });
  await client.open();
  const waiting = client.call("slow", { name: "frozen" });
  const lost = once(client, "state", ({ state }) => state === "waiting");

  server.freeze();

  assert.equal((await lost).reason, "the server does not answer");
  await assert.rejects(waiting, ConnectionLost);
  server.thaw();
  assert.deepEqual(await client.call("who"), { user: null });
});

test("a client that does not reconnect ends with its connection", async () => {
  const codes = [];
  const client = connect({ reconnect: (code) => codes.push(code) > 1 });
  const room = client.subscribe("room:last");
  await room.ready;

  await server.stop();

  await assert.rejects(drain(room), (error) => error instanceof ConnectionLost && error.code === 1001);
  assert.deepEqual(codes, [1001]);
  assert.equal(client.state, "closed");
  const refused = connect({ reconnect: false });
  await assert.rejects(refused.call("who"), (error) => error instanceof ConnectionLost && !error.sent);
});
