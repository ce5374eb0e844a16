import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL(".", import.meta.url));

/** What the bundle is built from, as tests/report/test_bundle.py hashes it too. */
function sources(): string {
  const found = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll("\\", "/"));
  const hash = createHash("sha256");
  for (const path of [...found, "package-lock.json", "vite.config.ts"].sort()) {
    hash.update(path).update("\0").update(readFileSync(join(root, path))).update("\0");
  }
  return hash.digest("hex");
}

/** Names the sources, and leaves nothing in the script that could end it or hide in it. */
function stamped(): Plugin {
  return {
    name: "stamped",
    enforce: "post",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type === "chunk") {
          const plain = file.code.replace(
            /[^\n\x20-\x7e]/g,
            (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
          );
          if (/<\/script|<!--/i.test(plain)) this.error("the script holds markup that ends it");
          file.code = `/*! sources sha256:${sources()} */\n${plain}`;
        }
      }
    },
  };
}

export default defineConfig({
  plugins: [stamped()],
  build: {
    outDir: "../src/tapeout/report/viewer/bundle",
    emptyOutDir: true,
    target: "es2022",
    lib: {
      entry: "src/main.ts",
      name: "tapeout",
      formats: ["iife"],
      fileName: () => "viewer.js",
      cssFileName: "viewer",
    },
  },
  test: { include: ["test/**/*.test.ts"] },
});
