// axe-core, reflow, sizes and motion, on every scene, in both languages and themes: `AXE=axe.min.js node
// accessible.mjs GALLERY [PART OF A NAME]`.
import { readFileSync } from "node:fs";
import { Chromium } from "./chromium.mjs";
import { LANGUAGES, STILL, THEMES, scenes } from "./scenes.mjs";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const AXE = `axe.run(document, { runOnly: ${JSON.stringify(TAGS)} }).then(({ violations, incomplete, passes }) => ({
  violations: violations.map(({ id, help, nodes }) => id + ": " + help + ": " + nodes.map((node) => node.target).join(" ")),
  incomplete: incomplete.map(({ id }) => id),
  passes: passes.length,
}))`;

/** What is wider than the window, and text that is cut off where it is seen. */
const SPILLS = `(() => {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  for (const element of document.querySelectorAll("main *, header *, footer *")) {
    const style = getComputedStyle(element);
    if (style.overflowX !== "visible" && element.tagName !== "INPUT" && element.scrollWidth > element.clientWidth + 1
        && !element.matches("progress, .heard, .hello, svg, svg *")) found.push(element.tagName + " is cut off");
  }
  return found;
})()`;

/** Buttons and fields that a finger misses (44 px). */
const SMALL = `[...document.querySelectorAll("button.button, a.button, input.field")]
  .filter((element) => { const box = element.getBoundingClientRect(); return box.width && (box.height < 44 || box.width < 44); })
  .map((element) => element.textContent + " is " + element.getBoundingClientRect().height + " px high")`;

/** What still moves for anyone who asked for less of it. */
const MOVES = `(() => {
  const moving = document.getAnimations().map((animation) => "an animation of " + animation.effect?.target?.tagName);
  for (const element of document.querySelectorAll("*")) {
    const { transitionDuration } = getComputedStyle(element);
    if (transitionDuration.split(",").some((time) => parseFloat(time) > 0.01)) moving.push("a transition of " + element.tagName);
  }
  return moving;
})()`;

const [gallery, part = ""] = process.argv.slice(2);
const source = readFileSync(process.env.AXE, "utf8");
const browser = await Chromium.start();
let faults = 0;
const unsure = new Map();
const fault = (scene, text) => {
  faults += 1;
  console.log(`${scene.name} ${scene.language} ${scene.theme}: ${text}`);
};
try {
  for (const theme of THEMES) {
    for (const language of LANGUAGES) {
      const tab = await browser.tab(undefined, { before: STILL });
      await tab.media({ "prefers-reduced-motion": "reduce", "prefers-color-scheme": theme });
      const chosen = scenes(gallery, { languages: [language], themes: [theme] }).filter(({ name }) => name.includes(part));
      let passes = 0;
      for (const scene of chosen) {
        await tab.size(360, 740);
        await tab.goto(scene.url);
        await tab.ask("document.fonts.ready.then(() => true)");
        await tab.ask(`${source}; true`);
        const result = await tab.ask(AXE);
        passes += result.passes;
        for (const text of result.violations) fault(scene, text);
        for (const id of result.incomplete) unsure.set(id, (unsure.get(id) ?? 0) + 1);
        for (const text of await tab.ask(SMALL)) fault(scene, text);
        for (const text of await tab.ask(MOVES)) fault(scene, text);
        // 200 % and 400 % of a window of 1280 px, and letters of twice the size on a phone.
        for (const [width, letters] of [[640, "100%"], [320, "100%"], [360, "200%"]]) {
          await tab.size(width, 740);
          await tab.ask(`document.documentElement.style.fontSize = "${letters}"`);
          for (const text of await tab.ask(SPILLS)) fault(scene, `${text} at ${width} px, letters ${letters}`);
        }
      }
      console.log(`${language} ${theme}: ${chosen.length} scenes, ${passes} rules passed`);
      await tab.close();
    }
  }
} finally {
  await browser.close();
}
for (const [id, count] of unsure) console.log(`not decided by axe: ${id} on ${count} scenes`);
console.log(`faults: ${faults}`);
process.exitCode = faults ? 1 : 0;
