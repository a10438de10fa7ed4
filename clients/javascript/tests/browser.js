// The file that the server serves, in Chromium.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { server } from "./server.js";

const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

let browser;
const messages = [];

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
});
after(() => browser?.close());

/** Open the page of the tests, which has the names of the client as `actionhero`. */
async function openPage() {
  const page = await browser.newPage();
  page.on("console", (message) => messages.push(message.text()));
  page.on("pageerror", (error) => messages.push(String(error)));
  await page.goto(server.url);
  await page.waitForFunction("window.actionhero");
  return page;
}

test("the served file calls actions, streams and subscribes, with the cookie of the page", async () => {
  const page = await openPage();

  const result = await page.evaluate(async () => {
    await fetch("/api/session", { method: "PUT" });
    const client = new actionhero.ActionHeroClient();
    const members = client.subscribe("members", {
      loadMembers: async () => (await client.call("present", { channel: "members" })).members,
    });
    await members.ready;
    const who = await client.call("who");
    await client.call("say", { channel: "members", text: "Hello" });
    const { value } = await members.next();
    const numbers = [];
    for await (const { data } of client.stream("count")) {
      numbers.push(data);
    }
    const ended = new Promise((resolve) => client.on("sessionEnd", resolve));
    await fetch("/api/session", { method: "DELETE" });
    return [who, value.message, numbers, [...members.members], await ended];
  });

  assert.deepEqual(result, [{ user: 7 }, "Hello", [1, 2, 3], ["7"], { channel: "members" }]);
  assert.deepEqual(messages, []);
  await page.close();
});

test("a page reconnects as soon as the network is back", async () => {
  const page = await openPage();
  await page.evaluate(async () => {
    window.client = new actionhero.ActionHeroClient("/ws", { minBackoffMs: 1e6, maxBackoffMs: 1e6 });
    window.room = client.subscribe("room:page");
    await room.ready;
    window.waiting = new Promise((resolve) => client.on("state", ({ state }) => state === "waiting" && resolve()));
  });

  await server.kill();
  await page.evaluate(() => waiting);
  await server.start();
  const received = await page.evaluate(async () => {
    dispatchEvent(new Event("online"));
    await client.open();
    await client.call("say", { channel: "room:page", text: "again" });
    return [(await room.next()).value.message, client.reconnections];
  });

  assert.deepEqual(received, ["again", 1]);
  await page.close();
});
