// Compiles the client: one module for each source, and one minified file of all.

import { readdirSync } from "node:fs";
import { build } from "esbuild";

const options = { format: "esm", target: "es2022" };
const sources = readdirSync("src").map((name) => `src/${name}`);

await build({ ...options, entryPoints: sources, outdir: "dist" });
await build({
  ...options,
  entryPoints: ["src/index.ts"],
  outfile: "dist/client.min.js",
  bundle: true,
  minify: true,
  banner: { js: "// @actionhero/client, Apache-2.0. Source: clients/javascript of the repository." },
});
