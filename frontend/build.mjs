// Builds everything the browser loads into static/build/ (ignored by git):
//
//   app.css        Tailwind + daisyUI from style/app.css, minified
//   icons.svg      sprite of the Lucide icons that templates name
//   alpine.js      Alpine's CSP build, as shipped in its package
//   chart.js       Chart.js, as shipped in its package (dashboard only)
//
// Third-party code comes from packages and is copied, never committed.
//
//   node build.mjs            once
//   node build.mjs --watch    rebuilds the style sheet and the sprite while templates change

import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, watch, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "static", "build");
const packages = join(here, "node_modules");

const COPIES = [
  ["@alpinejs/csp/dist/cdn.min.js", "alpine.js"],
  ["chart.js/dist/chart.umd.min.js", "chart.js"],
];

/** Every file below a folder, depth first. */
function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

/** Icon names: literals in templates ({% icon "x" %}, icon_name="x", icon_name|default:"x") and icons.txt. */
function iconNames() {
  const names = new Set();
  for (const path of files(join(here, "templates"))) {
    const text = readFileSync(path, "utf8");
    for (const [, name] of text.matchAll(/(?:\{%\s*icon\s+|\bicon_name=|\bicon_name\|default:)["']([a-z0-9-]+)["']/g)) names.add(name);
  }
  for (const line of readFileSync(join(here, "icons.txt"), "utf8").split("\n")) {
    const name = line.replace(/#.*/, "").trim();
    if (name) names.add(name);
  }
  return [...names].sort();
}

function writeSprite() {
  const symbols = iconNames().map((name) => {
    let source;
    try {
      source = readFileSync(join(packages, "lucide-static", "icons", `${name}.svg`), "utf8");
    } catch {
      throw new Error(`no Lucide icon is called "${name}"`);
    }
    const drawing = source.replace(/<!--[\s\S]*?-->/g, "").match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1];
    return `<symbol id="${name}" viewBox="0 0 24 24">${drawing.replace(/\s+/g, " ").trim()}</symbol>`;
  });
  const sprite = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>\n`;
  writeFileSync(join(out, "icons.svg"), sprite);
  return symbols.length;
}

/** Runs Tailwind; resolves with its exit code. */
function writeStyles(...extra) {
  const cli = join(packages, "@tailwindcss", "cli", "dist", "index.mjs");
  const args = [cli, "-i", join(here, "style", "app.css"), "-o", join(out, "app.css"), ...extra];
  return new Promise((resolve) => spawn(process.execPath, args, { cwd: here, stdio: "inherit" }).on("exit", resolve));
}

mkdirSync(out, { recursive: true });
for (const [from, to] of COPIES) copyFileSync(join(packages, from), join(out, to));
console.log(`${writeSprite()} icons`);

if (process.argv.includes("--watch")) {
  watch(join(here, "templates"), { recursive: true }, () => {
    try {
      writeSprite();
    } catch (error) {
      console.error(error.message);
    }
  });
  process.exitCode = await writeStyles("--watch");
} else {
  process.exitCode = await writeStyles("--minify");
}
