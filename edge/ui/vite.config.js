// Builds the pages: every HTML file of this folder is one, with an entry of its own and what they share in common
// chunks. Preact's JSX needs no plugin: the compiler reads tsconfig.json.
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig } from "vite";

const here = import.meta.dirname;
const pages = readdirSync(here).filter((name) => name.endsWith(".html"));

export default defineConfig({
  root: here,
  build: {
    outDir: "dist",
    emptyOutDir: true,
    // What the styles need most of all: light-dark() and nesting.
    target: ["chrome123", "firefox121", "safari17.5"],
    // The policy of the pages (public/_headers) lets no script or style be anything but a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: pages.map((name) => resolve(here, name)),
      // One chunk of what several pages share: a page that is opened first asks for few files, and the next one has most of
      // what it needs already.
      output: { codeSplitting: { groups: [{ name: "common", tags: ["$initial"], minShareCount: 2 }] } },
    },
  },
});
