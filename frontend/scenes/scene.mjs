// One product picture as an SVG: a wall, a soft arch of light, a floor, a podium, one to three drawings with their
// contact shadows. The scene is data of ours; the drawings come from a package and are optional.
//
// A scene
//
//   { "name": "yangshan-peach",      file name of the picture, [a-z0-9-]
//     "hue": 25,                     0-360, colour of wall and floor in OKLCH degrees (25 peach, 75 honey, 150 leaf,
//                                    230 sky, 300 lilac, 350 rose)
//     "depth": "soft",               "soft" (default) | "rich" | "dark": how strongly the hue shows
//     "backdrop": "arch",            "arch" (default) | "sun" | "window" | "plain"
//     "podium": "round",             "round" (default) | "low" | "step" | "none"
//     "drawings": [                  0-3, drawn in this order, so the last one stands in front
//       { "name": "peach",           a drawing of Fluent Emoji's colour set, by its name
//         "x": 50,                   where its middle stands, 0-100 from the left       (default 50)
//         "y": 0,                    how far its foot is above the podium, 0-100        (default 0)
//         "size": 46,                its width, 0-100 of the picture                    (default 46)
//         "turn": 0,                 degrees, clockwise                                 (default 0)
//         "flip": false } ] }        mirrored                                           (default false)
//
// Without drawings (none asked for, or the package is absent) a plain vase or box of the scene's hue stands there.

const SIDE = 800;

/** OKLCH to an sRGB hex colour; lightness and chroma as in CSS, hue in degrees. */
export function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const channels = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${channels
    .map((value) => {
      const part = Math.min(1, Math.max(0, value));
      const encoded = part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055;
      return Math.round(encoded * 255).toString(16).padStart(2, "0");
    })
    .join("")}`;
}

const DEPTHS = {
  soft: { wall: [0.965, 0.022], lit: [0.99, 0.01], floor: [0.925, 0.038], podium: [0.985, 0.008], side: [0.895, 0.035], shade: [0.45, 0.06] },
  rich: { wall: [0.915, 0.055], lit: [0.965, 0.03], floor: [0.855, 0.075], podium: [0.97, 0.018], side: [0.83, 0.065], shade: [0.38, 0.08] },
  dark: { wall: [0.4, 0.05], lit: [0.52, 0.06], floor: [0.33, 0.045], podium: [0.62, 0.05], side: [0.42, 0.055], shade: [0.14, 0.03] },
};

const PODIUMS = {
  round: { top: 628, rx: 262, ry: 48, height: 62 },
  low: { top: 668, rx: 310, ry: 50, height: 26 },
  step: { top: 590, rx: 196, ry: 36, height: 46 },
  none: { top: 690, rx: 0, ry: 0, height: 0 },
};

function gradient(id, stops, attributes = 'x1="0" y1="0" x2="0" y2="1"') {
  const parts = stops.map(([at, color, opacity = 1]) => `<stop offset="${at}" stop-color="${color}" stop-opacity="${opacity}"/>`);
  return `<linearGradient id="${id}" ${attributes}>${parts.join("")}</linearGradient>`;
}

function glow(id, color, opacity) {
  return `<radialGradient id="${id}"><stop offset="0" stop-color="${color}" stop-opacity="${opacity}"/><stop offset="1" stop-color="${color}" stop-opacity="0"/></radialGradient>`;
}

function backdrop(kind) {
  if (kind === "sun") return '<circle cx="400" cy="372" r="252" fill="url(#light)"/>';
  if (kind === "window")
    return '<g fill="url(#light)" transform="skewX(-9) translate(92 0)"><rect x="216" y="86" width="176" height="452" rx="12"/><rect x="412" y="86" width="176" height="452" rx="12"/></g>';
  if (kind === "plain") return "";
  return '<path d="M128 566V412a272 272 0 0 1 544 0v154z" fill="url(#light)"/>';
}

function cylinder({ top, rx, ry, height }, sideFill = "url(#side)") {
  if (!rx) return "";
  const left = 400 - rx;
  const right = 400 + rx;
  return (
    `<ellipse cx="412" cy="${top + height + 16}" rx="${rx * 1.14}" ry="${ry * 0.92}" fill="url(#cast)"/>` +
    `<path d="M${left} ${top}v${height}a${rx} ${ry} 0 0 0 ${rx * 2} 0v${-height}z" fill="${sideFill}"/>` +
    `<ellipse cx="400" cy="${top}" rx="${rx}" ry="${ry}" fill="url(#top)"/>` +
    `<path d="M${left} ${top}a${rx} ${ry} 0 0 0 ${right - left} 0" fill="none" stroke="#fff" stroke-opacity=".55" stroke-width="2"/>`
  );
}

/** A vase or a box of the scene's hue, for scenes without drawings. */
function plainObject(hue, foot, seed) {
  const light = oklch(0.86, 0.075, hue);
  const dark = oklch(0.66, 0.1, hue);
  const fill = `<linearGradient id="plain" x1="0" y1="0" x2="1" y2="0"><stop offset="0" stop-color="${light}"/><stop offset="1" stop-color="${dark}"/></linearGradient>`;
  const shadow = `<ellipse cx="408" cy="${foot}" rx="128" ry="18" fill="url(#contact)"/>`;
  if (seed % 2)
    return `<defs>${fill}</defs>${shadow}<g transform="translate(400 ${foot})"><path d="M-118-196h236v184a12 12 0 0 1-12 12h-212a12 12 0 0 1-12-12z" fill="url(#plain)"/><rect x="-130" y="-236" width="260" height="58" rx="12" fill="${light}"/><rect x="-22" y="-236" width="44" height="236" fill="#fff" fill-opacity=".45"/></g>`;
  return `<defs>${fill}</defs>${shadow}<g transform="translate(400 ${foot})"><path d="M-46-292h92l-8 62c4 34 84 66 84 142 0 56-40 88-72 88h-100c-32 0-72-32-72-88 0-76 80-108 84-142z" fill="url(#plain)"/><path d="M-52-92c0-44 26-70 44-92" stroke="#fff" stroke-opacity=".5" stroke-width="14" stroke-linecap="round" fill="none"/></g>`;
}

function drawing(spec, art, foot) {
  const { x = 50, y = 0, size = 46, turn = 0, flip = false } = spec;
  const width = (size / 100) * SIDE;
  const centre = (x / 100) * SIDE;
  // The drawings leave about 4 % of air below their foot.
  const bottom = foot - (y / 100) * SIDE + width * 0.04;
  const scale = width / art.width;
  const floats = y > 6;
  const shadow = floats
    ? ""
    : `<ellipse cx="${centre + 6}" cy="${foot - 1}" rx="${width * 0.4}" ry="${width * 0.065}" fill="url(#contact)"/>`;
  const mirror = flip ? `translate(${art.width} 0) scale(-1 1)` : "";
  return `${shadow}<g transform="rotate(${turn} ${centre} ${bottom - width / 2}) translate(${centre - width / 2} ${bottom - width}) scale(${scale})"><g transform="${mirror}">${art.body}</g></g>`;
}

/** Gives ids inside one drawing a prefix, so that gradients of several drawings do not collide. */
function ownIds(body, prefix) {
  return body
    .replace(/\bid="([^"]+)"/g, `id="${prefix}$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${prefix}$1)`)
    .replace(/href="#([^"]+)"/g, `href="#${prefix}$1"`);
}

/**
 * The scene as SVG text. `find(name)` returns { body, width } of a drawing, or null when it is not there.
 * Throws an Error naming the field when the scene is malformed.
 */
export function sceneToSvg(scene, find) {
  const { name, hue = 60, depth = "soft", backdrop: kind = "arch", podium: stand = "round", drawings = [] } = scene;
  if (!/^[a-z0-9-]+$/.test(name ?? "")) throw new Error(`scene name ${JSON.stringify(name)}: use a-z, 0-9 and -`);
  if (!DEPTHS[depth]) throw new Error(`${name}: depth "${depth}" is none of ${Object.keys(DEPTHS).join(", ")}`);
  if (!PODIUMS[stand]) throw new Error(`${name}: podium "${stand}" is none of ${Object.keys(PODIUMS).join(", ")}`);
  if (!["arch", "sun", "window", "plain"].includes(kind)) throw new Error(`${name}: backdrop "${kind}" is not known`);
  if (drawings.length > 3) throw new Error(`${name}: at most three drawings`);

  const tone = DEPTHS[depth];
  const color = ([lightness, chroma], shift = 0) => oklch(lightness, chroma, hue + shift);
  const podium = PODIUMS[stand];
  const foot = podium.top + podium.ry * 0.18;

  const defs = [
    gradient("wall", [[0, color(tone.lit)], [1, color(tone.wall)]], 'x1="0" y1="0" x2=".35" y2="1"'),
    gradient("floor", [[0, color(tone.floor)], [1, color([tone.floor[0] + 0.03, tone.floor[1]])]]),
    gradient("light", [[0, "#ffffff", depth === "dark" ? 0.2 : 0.72], [1, "#ffffff", depth === "dark" ? 0.03 : 0.16]]),
    gradient("top", [[0, color([tone.podium[0] - 0.015, tone.podium[1] + 0.006])], [1, color(tone.podium)]]),
    gradient("side", [[0, color(tone.podium)], [0.35, color([tone.side[0] + 0.05, tone.side[1]])], [1, color(tone.side)]], 'x1="0" y1="0" x2="1" y2="0"'),
    glow("cast", color(tone.shade), 0.34),
    glow("contact", color(tone.shade), 0.5),
    glow("halo", "#ffffff", depth === "dark" ? 0.25 : 0.9),
  ];

  const found = drawings.map((spec) => [spec, find(spec.name)]).filter(([, art]) => art);
  const seed = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
  const things = found.length
    ? found.map(([spec, art], index) => drawing(spec, { ...art, body: ownIds(art.body, `d${index}-`) }, foot)).join("")
    : plainObject(hue, foot, seed);
  const base = stand === "step" ? cylinder({ top: 660, rx: 288, ry: 48, height: 40 }) : "";

  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 ${SIDE} ${SIDE}" width="${SIDE}" height="${SIDE}"><defs>${defs.join("")}</defs>` +
    `<rect width="${SIDE}" height="${SIDE}" fill="url(#wall)"/>${backdrop(kind)}` +
    `<rect y="566" width="${SIDE}" height="${SIDE - 566}" fill="url(#floor)"/>` +
    `<ellipse cx="280" cy="180" rx="420" ry="330" fill="url(#halo)" opacity=".5"/>${base}${cylinder(podium)}${things}</svg>`
  );
}
