import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [origin] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: `${origin}/api` });

// The body is checked against the inputs of the action; what may be left out may be left out.
const added = await client.PUT("/book", { body: { title: "Persuasion", genre: "novel" } });
if (added.error) throw new Error(added.error.error.message);
const book: components["schemas"]["book_add_Response"] = added.data;

const viewed = await client.GET("/book/{book}", { params: { path: { book: book.id } } });
const found = await client.GET("/books", { params: { query: { text: "Emma", limit: 3 } } });

// A failure has one of the types that there are.
const refused = await client.PUT("/book", { body: { title: "taken" } });
const conflict = refused.error?.error.type === "CONNECTION_ACTION_CONFLICT";

console.log(
  JSON.stringify({
    added: book.title,
    viewed: viewed.response.status,
    found: found.data?.map((each) => each.title),
    refused: refused.response.status,
    conflict,
  }),
);

// What is wrong does not compile. Each mark is an error itself where nothing is wrong.
export async function wrong(): Promise<void> {
  // @ts-expect-error There is no such path.
  await client.GET("/boks");
  // @ts-expect-error There is no such method.
  await client.DELETE("/books");
  // @ts-expect-error The title is required.
  await client.PUT("/book", { body: { genre: "novel" } });
  // @ts-expect-error A title is text.
  await client.PUT("/book", { body: { title: 7 } });
  // @ts-expect-error There is no such genre.
  await client.PUT("/book", { body: { title: "Emma", genre: "nowel" } });
  // @ts-expect-error The answer has no such field.
  console.log(book.subtitle);
  // @ts-expect-error There is no such type of failure.
  console.log(refused.error?.error.type === "CONNECTION_ACTION_CONFLIKT");
}
