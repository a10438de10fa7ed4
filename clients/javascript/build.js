// Compiles the client into one module for packages, and a minified one for pages.

import { build } from "esbuild";

const options = { format: "esm", target: "es2022", entryPoints: ["src/index.ts"], bundle: true };

await build({ ...options, outfile: "dist/index.js" });
await build({
  ...options,
  outfile: "dist/client.js",
  minify: true,
  banner: { js: "// @actionhero/client, Apache-2.0. Source: clients/javascript of the repository." },
});
// For their tests.
await build({ ...options, entryPoints: ["src/events.ts", "src/rate.ts"], outdir: "dist/parts" });
