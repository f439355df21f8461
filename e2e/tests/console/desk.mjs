// What every script of the console begins with: people who ask for codes, somebody of the staff at a tab, and a look
// at a page.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const WIDTHS = [360, 1280];

export const must = (holds, text) => {
  if (!holds) throw new Error(text);
};

/** Somebody who posts to the API; the status of the answer. */
export const poster = (url) => async (path, body) => {
  const answer = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.status;
};

/** Somebody asks for a code by the API; the status of the answer. */
export const asker = (url) => (number) => poster(url)("/api/v1/usr/otp", { phone_number: number });

/** A tab of somebody of the staff: `token` is that of their session. */
export const staff = async (browser, console_, token, language, options = {}) => {
  const tab = await browser.tab(await browser.person(), { language, width: 1280, ...options });
  const set = await tab.send("Network.setCookie", { name: "ramz_staff", value: token, url: console_ });
  must(set.success, "the cookie is kept");
  return tab;
};

/** What reaches beyond the window, or holds what does, and lies in nothing that scrolls; outermost first. */
const WIDE = `[...document.querySelectorAll("body *")].filter((element) => {
  for (let around = element.parentElement; around; around = around.parentElement)
    if (!["visible", "clip"].includes(getComputedStyle(around).overflowX)) return false;
  const box = element.getBoundingClientRect();
  const spills = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX === "visible";
  return spills || box.right > innerWidth + 1 || box.left < -1;
}).slice(0, 6).map((element) => element.outerHTML.slice(0, 120)).join("  ")`;

/** Nothing is wider than the window or refused by the policy of the page; a picture at each width, where there is a
    folder for them. */
export const looker = (folder) => {
  if (folder) mkdirSync(folder, { recursive: true });
  return async (tab, name, language) => {
    for (const width of WIDTHS) {
      await tab.size(width, 800);
      const wide = await tab.ask("document.documentElement.scrollWidth");
      if (wide > width) must(false, `${name} ${language} is ${wide} px wide at ${width} px: ${await tab.ask(WIDE)}`);
      if (folder) {
        await tab.ask("document.fonts.ready.then(() => true)");
        writeFileSync(join(folder, `${name}-${language}-${width}.png`), await tab.picture({ width, least: 640 }));
      }
    }
    // A page that tells what is wrong with what was sent is one that Chromium names too.
    const errors = tab.errors.filter((error) => !/status of 4\d\d/.test(error));
    must(errors.length === 0, `${name} ${language}: ${errors.join("; ")}`);
    await tab.size(1280, 800);
  };
};
