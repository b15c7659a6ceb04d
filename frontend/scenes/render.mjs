// Renders product pictures: scenes (data, see scene.mjs) -> SVG -> WebP 800x800 and 400x400.
//
//   npm run scenes -- --in scenes.json --out DIR     writes DIR/<name>.webp (800) and DIR/<name>-400.webp
//   npm run scenes -- --in scenes.json --out DIR --svg   writes DIR/<name>.svg instead
//   npm run scenes -- --list peach                   names of the drawings that contain "peach"
//
// scenes.json is a list of scenes or { "scenes": [...] }. A scene already rendered from the same data is skipped:
// DIR/.scenes.json remembers the fingerprint of each picture. Exit code 0 when every picture is there, 1 when a
// scene is malformed, 2 when bitmaps were asked for and the renderer is not installed (npm ci without --omit=dev
// installs it). Without the drawings' package the scenes are plain, and one line says so.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { sceneToSvg } from "./scene.mjs";

const LOOK = "1"; // raise when scene.mjs draws differently
// The large rendition has the plain name; the small one lies beside it, as the catalogue expects.
const SIZES = [[800, ""], [400, "-400"]];
const require = createRequire(import.meta.url);

function loadDrawings() {
  try {
    return JSON.parse(readFileSync(require.resolve("@iconify-json/fluent-emoji/icons.json"), "utf8"));
  } catch {
    return null;
  }
}

async function loadRenderer() {
  try {
    return (await import("sharp")).default;
  } catch {
    return null;
  }
}

function finder(set, missing) {
  return (name) => {
    if (!set) return null;
    const alias = set.aliases?.[name]?.parent;
    const icon = set.icons[alias ?? name];
    if (!icon) {
      missing.add(name);
      return null;
    }
    return { body: icon.body, width: icon.width ?? set.width ?? 32 };
  };
}

async function render(scenes, folder, { svgOnly, set, sharp }) {
  const memoryPath = join(folder, ".scenes.json");
  const memory = existsSync(memoryPath) ? JSON.parse(readFileSync(memoryPath, "utf8")) : {};
  const missing = new Set();
  const find = finder(set, missing);
  let written = 0;
  for (const scene of scenes) {
    const svg = sceneToSvg(scene, find);
    const names = svgOnly ? [`${scene.name}.svg`] : SIZES.map(([, suffix]) => `${scene.name}${suffix}.webp`);
    const print = createHash("sha256").update(LOOK).update(svg).digest("hex").slice(0, 16);
    if (memory[scene.name] === print && names.every((name) => existsSync(join(folder, name)))) continue;
    if (svgOnly) {
      writeFileSync(join(folder, names[0]), svg);
    } else {
      const bitmap = await sharp(Buffer.from(svg)).resize(SIZES[0][0]).png().toBuffer();
      for (const [side, suffix] of SIZES) {
        const path = join(folder, `${scene.name}${suffix}.webp`);
        await sharp(bitmap).resize(side).webp({ quality: 86, effort: 4 }).toFile(path);
      }
    }
    memory[scene.name] = print;
    written += 1;
  }
  writeFileSync(memoryPath, `${JSON.stringify(memory, null, 1)}\n`);
  return { written, missing };
}

const { values } = parseArgs({
  options: {
    in: { type: "string" },
    out: { type: "string" },
    svg: { type: "boolean", default: false },
    list: { type: "string" },
  },
});
const set = loadDrawings();

if (values.list !== undefined) {
  const names = set ? [...Object.keys(set.icons), ...Object.keys(set.aliases ?? {})] : [];
  console.log(names.filter((name) => name.includes(values.list)).sort().join("\n"));
} else if (!values.in || !values.out) {
  console.error("usage: npm run scenes -- --in scenes.json --out DIR [--svg]");
  process.exitCode = 1;
} else {
  const sharp = values.svg ? null : await loadRenderer();
  if (!sharp && !values.svg) {
    console.error("the bitmap renderer is not installed: run npm ci in frontend/ (without --omit=dev), or pass --svg");
    process.exitCode = 2;
  } else {
    const data = JSON.parse(readFileSync(resolve(values.in), "utf8"));
    const folder = resolve(values.out);
    mkdirSync(folder, { recursive: true });
    if (!set) console.error("the drawings are not installed: plain scenes are drawn");
    try {
      const scenes = Array.isArray(data) ? data : data.scenes;
      const { written, missing } = await render(scenes, folder, { svgOnly: values.svg, set, sharp });
      console.log(`${scenes.length} scenes, ${written} rendered`);
      if (missing.size) {
        console.error(`no drawing is called ${[...missing].join(", ")} (look with --list)`);
        process.exitCode = 1;
      }
    } catch (error) {
      console.error(error.message);
      process.exitCode = 1;
    }
  }
}
