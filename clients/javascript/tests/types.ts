// The types of calls: compiled, and not run. An expected error that does not occur is an error.

import { ActionHeroClient, type Broadcast, type StreamEvent } from "../dist/index.js";

/** As openapi-typescript generates it. */
interface operations {
  "message:create": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    requestBody: { content: { "application/json": { body: string } } };
    responses: {
      200: { headers: {}; content: { "application/json": { message: { id: number } } } };
      422: { headers: {}; content: { "application/json": { error: object } } };
    };
  };
  "messages:list": {
    parameters: { query?: { limit?: number }; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: { 200: { headers: {}; content: { "application/json": string[] } } };
  };
  "user:edit": {
    parameters: { query?: never; header?: never; path: { user: number }; cookie?: never };
    requestBody?: { content: { "application/json": { name?: string } } };
    responses: { 201: { headers: {}; content: { "application/json": { name: string } } } };
  };
  "streaming:counter": {
    parameters: { query?: { count?: number }; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: { 200: { headers: {}; content: { "text/event-stream": { data: string } } } };
  };
}

/** With actions that are in no document. */
interface Actions extends operations {
  "room:say": { params: { room: number }; result: { id: string } };
  numbers: { stream: number };
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function expect<Actual>() {
  return <Expected>(_: Equal<Actual, Expected>) => {};
}

export async function typed(client: ActionHeroClient<Actions>): Promise<void> {
  const { message } = await client.call("message:create", { body: "text" });
  expect<typeof message>()<{ id: number }>(true);
  const list = await client.call("messages:list");
  expect<typeof list>()<{ [index: string]: string }>(true);
  await client.call("messages:list", { limit: 3 }, { timeoutMs: 100, idempotent: true });
  const { name } = await client.call("user:edit", { user: 1, name: "Ada" });
  expect<typeof name>()<string>(true);
  const said = await client.call("room:say", { room: 1 });
  expect<typeof said>()<{ id: string }>(true);
  for await (const event of client.stream("numbers")) {
    expect<typeof event>()<StreamEvent<number>>(true);
  }
  for await (const event of client.stream("streaming:counter", { count: 3 })) {
    expect<typeof event.data>()<unknown>(true);
  }

  // @ts-expect-error: an input is missing
  await client.call("message:create", {});
  // @ts-expect-error: all inputs are missing
  await client.call("message:create");
  // @ts-expect-error: an input has another type
  await client.call("message:create", { body: 7 });
  // @ts-expect-error: an input does not exist
  await client.call("messages:list", { limits: 3 });
  // @ts-expect-error: the parameter of the path is missing
  await client.call("user:edit", { name: "Ada" });
  // @ts-expect-error: no such action
  await client.call("nonesuch");
  // @ts-expect-error: the action streams
  await client.call("numbers");
  // @ts-expect-error: the action does not stream
  client.stream("messages:list");
  // @ts-expect-error: a field of the result does not exist
  (await client.call("message:create", { body: "text" })).message.ids;
}

export async function untyped(): Promise<void> {
  const client = new ActionHeroClient();
  const { anything } = await client.call("any:action", { any: "input" });
  expect<typeof anything>()<any>(true);
  for await (const { data } of client.stream("any:action")) {
    expect<typeof data>()<any>(true);
  }
  for await (const broadcast of client.subscribe<{ text: string }>("room:1")) {
    expect<typeof broadcast>()<Broadcast<{ text: string }>>(true);
  }
  client.on("state", ({ state }) => {
    expect<typeof state>()<"idle" | "connecting" | "open" | "waiting" | "closed">(true);
  });
  client.on("direct", ({ message }) => {
    expect<typeof message>()<any>(true);
  });
  // @ts-expect-error: no such event
  client.on("nonesuch", () => {});
}
