import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [origin] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: `${origin}/api` });

// The body is checked against the inputs of the action; some of them are optional.
const added = await client.PUT("/book", { body: { title: "Persuasion", genre: "novel" } });
if (added.error) throw new Error(added.error.error.message);
const book: components["schemas"]["Book"] = added.data;

const viewed = await client.GET("/book/{book}", { params: { path: { book: book.id } } });
const books = await client.GET("/books", { params: { query: { text: "Emma", limit: 3 } } });

// An error has one of the known types.
const rejected = await client.PUT("/book", { body: { title: "taken" } });
const conflict = rejected.error?.error.type === "CONNECTION_ACTION_CONFLICT";

console.log(
  JSON.stringify({
    added: book.title,
    viewed: viewed.response.status,
    books: books.data?.map((each) => each.title),
    status: rejected.response.status,
    conflict,
  }),
);

// These calls do not compile. Without an error, the comment above the line is one.
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
  // @ts-expect-error The response has no such field.
  console.log(book.subtitle);
  // @ts-expect-error There is no such type of error.
  console.log(rejected.error?.error.type === "CONNECTION_ACTION_CONFLIKT");
}
