// What a screen reader is given of every scene, read from Chromium's accessibility tree and compared with
// `spoken/`: `node spoken.mjs GALLERY [--write]`. With --write it is written anew, to be read by a person.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Chromium } from "./chromium.mjs";
import { LANGUAGES, STILL, scenes } from "./scenes.mjs";

/** What says nothing by itself. */
const SILENT = new Set(["generic", "none", "form", "InlineTextBox", "LineBreak", "ListMarker", "LabelText", "strong"]);
/** Whose own name is all that there is to say. */
const NAMED = new Set(["link", "button", "textbox", "heading", "image", "progressbar"]);

const value = (property) => property?.value ?? "";

/** The lines of a tree: role, name, description and states, as they are read out. */
function lines(nodes) {
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const said = [];
  const texts = (node) => {
    if (!node.ignored && node.role.value === "StaticText") return [value(node.name)];
    return node.childIds.flatMap((id) => (byId.has(id) ? texts(byId.get(id)) : []));
  };
  const say = (node, depth) => {
    const role = node.ignored ? "none" : value(node.role);
    const children = () => {
      for (const id of node.childIds) if (byId.has(id)) say(byId.get(id), depth);
    };
    if (role === "RootWebArea") {
      said.push(`title: ${value(node.name)}`);
      children();
    } else if (role === "StaticText") said.push(`${"  ".repeat(depth)}${value(node.name).trim()}`);
    else if (SILENT.has(role)) children();
    else if (role === "paragraph" || role === "listitem") {
      // A paragraph is read in one go, whatever stands in it.
      const inside = node.childIds.some((id) => hasRole(byId, id, NAMED));
      if (inside) children();
      else said.push(`${"  ".repeat(depth)}${role === "listitem" ? "- " : ""}${texts(node).join(role === "listitem" ? " " : "").replace(/\s+/g, " ").trim()}`);
    } else {
      const states = (node.properties ?? [])
        .filter(({ name, value: { value: is } }) =>
          (name === "level") || (["disabled", "invalid", "focused"].includes(name) && is && is !== "false"))
        .map(({ name, value: { value: is } }) => (name === "level" ? `${is}` : name));
      const description = value(node.description);
      const what = [role, ...states].join(" ");
      said.push(`${"  ".repeat(depth)}${what}:${value(node.name) && ` ${value(node.name)}`}${value(node.value) && role === "textbox" ? ` = ${node.value.value}` : ""}${description ? ` (${description})` : ""}`);
      if (!NAMED.has(role)) {
        for (const id of node.childIds) if (byId.has(id)) say(byId.get(id), depth + 1);
      }
    }
  };
  say(nodes[0], 0);
  return said;
}

function hasRole(byId, id, roles) {
  const node = byId.get(id);
  if (!node) return false;
  if (!node.ignored && roles.has(value(node.role))) return true;
  return node.childIds.some((child) => hasRole(byId, child, roles));
}

/** What must hold of every scene, whatever its words are. */
function wrong(nodes) {
  const shown = nodes.filter((node) => !node.ignored);
  const of = (role) => shown.filter((node) => value(node.role) === role);
  const state = (node, name) => node.properties?.find((one) => one.name === name)?.value.value;
  const found = [];
  const headings = of("heading").filter((node) => state(node, "level") === 1);
  if (headings.length !== 1) found.push(`${headings.length} headings of level 1`);
  for (const node of [...of("button"), ...of("link"), ...of("textbox")]) {
    if (!value(node.name).trim()) found.push(`a ${value(node.role)} without a name`);
  }
  for (const node of of("textbox")) {
    const invalid = !["false", undefined].includes(state(node, "invalid"));
    if (invalid && !value(node.description).trim()) found.push("a field that is wrong does not say why");
  }
  for (const node of of("alert")) {
    if (!state(node, "focused")) found.push("what is wrong has not the focus");
  }
  return found;
}

async function read(browser, chosen) {
  const tab = await browser.tab(undefined, { before: STILL });
  await tab.send("Accessibility.enable");
  const parts = new Map();
  let faults = 0;
  for (const { name, url } of chosen) {
    await tab.goto(url);
    await tab.ask("new Promise((done) => requestAnimationFrame(() => setTimeout(() => setTimeout(done))))");
    const { nodes } = await tab.send("Accessibility.getFullAXTree");
    for (const fault of wrong(nodes)) {
      faults += 1;
      console.log(`${name}: ${fault}`);
    }
    parts.set(name, lines(nodes).join("\n"));
  }
  return { parts, faults };
}

const [gallery, write] = process.argv.slice(2);
const folder = new URL("spoken/", import.meta.url);
const browser = await Chromium.start();
let different = 0;
try {
  for (const language of LANGUAGES) {
    const { parts, faults } = await read(browser, scenes(gallery, { languages: [language], themes: ["light"] }));
    different += faults;
    const file = new URL(`${language}.txt`, folder);
    if (write === "--write") {
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, [...parts].map(([name, text]) => `== ${name}\n${text}\n`).join("\n"));
    } else {
      const wanted = new Map(
        readFileSync(file, "utf8").split(/^== /m).slice(1).map((part) => {
          const end = part.indexOf("\n");
          return [part.slice(0, end), part.slice(end + 1).trim()];
        }),
      );
      for (const name of new Set([...parts.keys(), ...wanted.keys()])) {
        if (parts.get(name)?.trim() === wanted.get(name)) continue;
        different += 1;
        console.log(`${language} ${name}: is spoken otherwise than spoken/${language}.txt says:`);
        const [now, before] = [parts, wanted].map((of) => (of.get(name) ?? "no such scene").split("\n"));
        for (const line of before.filter((line) => !now.includes(line))) console.log(`    - ${line}`);
        for (const line of now.filter((line) => !before.includes(line))) console.log(`    + ${line}`);
      }
    }
    console.log(`${language}: ${parts.size} scenes`);
  }
} finally {
  await browser.close();
}
process.exitCode = different ? 1 : 0;
