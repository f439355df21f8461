// Pictures of every scene, on contact sheets: `node pictures.mjs GALLERY SHEETS`. And of the pages of a running
// service, for the README: `node pictures.mjs --service URL INBOX FOLDER`; and of its page of sign-in, for what a
// setting does: `node pictures.mjs --brand URL FILE`.
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Chromium } from "./chromium.mjs";
import { Person, Service, another } from "./people.mjs";
import { LANGUAGES, THEMES, scenes } from "./scenes.mjs";

/** Width in pixels, how wide it is drawn on a sheet, and how many stand side by side. */
const WIDTHS = [
  { width: 360, drawn: 260, columns: 8 },
  { width: 1280, drawn: 480, columns: 4 },
];
/** All sheets together, in bytes. */
const ALL_SHEETS = 5_000_000;

const LABEL = { light: "#f1f1f1", dark: "#222" };

/** Takes pictures of these scenes at one width and lays them out on one sheet. */
async function sheet(browser, chosen, { width, drawn, columns }, theme, title) {
  const least = width > 1000 ? 720 : 640;
  const tab = await browser.tab(undefined, { width, height: least });
  await tab.media({ "prefers-reduced-motion": "reduce" });
  const figures = [];
  for (const { name, url } of chosen) {
    await tab.goto(url);
    await tab.ask("document.fonts.ready.then(() => true)");
    const wide = await tab.ask("document.documentElement.scrollWidth");
    if (wide > width) throw new Error(`${name} is ${wide} px wide at ${width} px: it scrolls sideways`);
    const bytes = await tab.picture({ width, least });
    figures.push(`<figure><img src="data:image/png;base64,${bytes.toString("base64")}"><figcaption>${name}</figcaption></figure>`);
  }
  const ink = theme === "dark" ? "#eee" : "#222";
  const html = `<!DOCTYPE html><meta charset="utf-8"><title>${title}</title><style>
    body { margin: 12px; background: ${LABEL[theme]}; color: ${ink}; font: 12px system-ui, sans-serif; inline-size: max-content; }
    h1 { font-size: 16px; margin: 0 0 12px; }
    main { display: grid; grid-template-columns: repeat(${columns}, ${drawn}px); gap: 14px; align-items: start; }
    figure { margin: 0; } img { inline-size: ${drawn}px; display: block; border: 1px solid #8888; }
    figcaption { padding-block-start: 3px; }</style><h1>${title}</h1><main>${figures.join("")}</main>`;
  await tab.close();
  return printed(browser, html, { width: columns * (drawn + 14) + 24, format: "webp", quality: 58 });
}

/** A page of our own as a picture. */
async function printed(browser, html, taken) {
  const paper = await browser.tab(undefined, { width: taken.width, height: 100 });
  const { frameTree } = await paper.send("Page.getFrameTree");
  await paper.send("Page.setDocumentContent", { frameId: frameTree.frame.id, html });
  await paper.ask("Promise.all([...document.images].map((image) => image.decode())).then(() => true)");
  const bytes = await paper.picture({ least: 100, ...taken });
  await paper.close();
  return bytes;
}

async function sheets(gallery, folder) {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) if (file.endsWith(".webp")) rmSync(join(folder, file));
  const browser = await Chromium.start();
  let all = 0;
  try {
    for (const theme of THEMES) {
      for (const language of LANGUAGES) {
        for (const size of WIDTHS) {
          const chosen = scenes(gallery, { languages: [language], themes: [theme] });
          const name = `${language}-${theme}-${size.width}`;
          const bytes = await sheet(browser, chosen, size, theme, `${name}: ${chosen.length} scenes`);
          all += bytes.length;
          writeFileSync(join(folder, `${name}.webp`), bytes);
          console.log(`${name}: ${chosen.length} scenes, ${Math.round(bytes.length / 1024)} KiB`);
        }
      }
    }
  } finally {
    await browser.close();
  }
  console.log(`${Math.round(all / 1024)} KiB in all`);
  if (all > ALL_SHEETS) throw new Error(`more than ${ALL_SHEETS} bytes`);
}

/** The way in as a newcomer sees it, side by side. */
async function ofService(url, inbox, folder) {
  mkdirSync(folder, { recursive: true });
  const browser = await Chromium.start();
  try {
    const service = new Service(url, inbox);
    for (const language of LANGUAGES) {
      for (const theme of THEMES) {
        const person = await Person.come(browser, service, { language, width: 360, height: 620 });
        const { tab } = person;
        await tab.media({ "prefers-color-scheme": theme, "prefers-reduced-motion": "reduce" });
        // A number of nobody, as on the page itself.
        person.number = `0912345678${LANGUAGES.indexOf(language) * 2 + THEMES.indexOf(theme)}`;
        const shots = [];
        const shoot = async () => {
          await tab.ask("document.activeElement?.blur(), document.fonts.ready.then(() => true)");
          shots.push(await tab.picture({ width: 360, least: 660, scale: 1.5 }));
        };
        await person.open("/accounts/login/");
        await shoot();
        await person.asks();
        const code = await service.code(person.number);
        await shoot();
        await person.gives(another(code));
        await person.reads(person.words.wrong);
        await shoot();
        await tab.follow(".last a[href='/accounts/verify/message/']");
        await shoot();
        await tab.follow("main a[href='/accounts/verify/']");
        await person.gives(code);
        await person.isIn(person.words.newUnasked);
        await shoot();
        if (language === "fa") shots.reverse();
        const ground = theme === "dark" ? "#0d1117" : "#ffffff";
        const html = `<!DOCTYPE html><style>body { margin: 10px; display: flex; gap: 10px; align-items: start; background: ${ground}; }
          img { inline-size: 264px; border: 1px solid #8886; border-radius: 10px; }</style>${shots
            .map((bytes) => `<img src="data:image/png;base64,${bytes.toString("base64")}">`)
            .join("")}`;
        const bytes = await printed(browser, html, { width: 5 * 274 + 10, format: "webp", quality: 82 });
        const name = `sign-in-${language}-${theme}.webp`;
        writeFileSync(join(folder, name), bytes);
        console.log(`${name}: ${Math.round(statSync(join(folder, name)).size / 1024)} KiB`);
        await person.leave();
      }
    }
  } finally {
    await browser.close();
  }
}

/** The page of sign-in in both languages, light and dark, as the settings of the service make it. */
async function ofBrand(url, file) {
  mkdirSync(dirname(file), { recursive: true });
  const browser = await Chromium.start();
  try {
    const shots = [];
    for (const language of LANGUAGES) {
      for (const theme of THEMES) {
        const tab = await browser.tab(await browser.person(), { language, width: 360, height: 620 });
        await tab.media({ "prefers-color-scheme": theme, "prefers-reduced-motion": "reduce" });
        await tab.goto(`${url}/accounts/login/`);
        await tab.ask("document.activeElement?.blur(), document.fonts.ready.then(() => true)");
        shots.push(await tab.picture({ width: 360, least: 560, scale: 1.5 }));
        await tab.close();
      }
    }
    const images = shots.map((bytes) => `<img src="data:image/png;base64,${bytes.toString("base64")}">`);
    const html = `<!DOCTYPE html><style>body { margin: 10px; display: flex; gap: 10px; align-items: start; background: #888; }
      img { inline-size: 264px; border-radius: 10px; }</style>${images.join("")}`;
    writeFileSync(file, await printed(browser, html, { width: 4 * 274 + 10, format: "webp", quality: 80 }));
    console.log(`${basename(file)}: ${Math.round(statSync(file).size / 1024)} KiB`);
  } finally {
    await browser.close();
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === "--service") await ofService(...rest);
else if (first === "--brand") await ofBrand(...rest);
else await sheets(first, rest[0]);
