// What is typed, pasted and filled in, and by which means.
import { CALL, SEND, another, must, persian, same } from "./people.mjs";
import { eventually } from "./wait.mjs";
import { comes } from "./flows.mjs";

const PASTES = [
  ["Persian digits", persian],
  ["Arabic digits", (text) => text.replace(/[0-9]/g, (digit) => "٠١٢٣٤٥٦٧٨٩"[digit])],
  ["spaces", (text) => ` ${text.slice(0, 3)} ${text.slice(3)} `],
  ["U+200E around", (text) => `\u200e${text}\u200e`],
  ["U+202B and U+202C", (text) => `\u202b${text}\u202c`],
  ["a newline at the end", (text) => `${text}\n`],
  ["newlines around", (text) => `\r\n${text}\r\n`],
  ["a dash", (text) => `${text.slice(0, 3)}-${text.slice(3)}`],
  ["no-break and half spaces", (text) => `${text.slice(0, 3)}\u00a0${text.slice(3)}\u200c`],
  ["Persian digits, U+200E, space and newline", (text) => `\u200e${persian(text.slice(0, 3))} ${persian(text.slice(3))}\n`],
];

const pastes = [true, false].flatMap((scripts) =>
  PASTES.map(([what, of]) => ({
    name: `pasted with ${what} (${scripts ? "with" : "without"} scripts)`,
    async run(world) {
      const person = await comes(world, { scripts });
      const { tab } = person;
      await person.open("/accounts/login/");
      await tab.paste("#phone", of(person.number));
      await tab.follow(SEND);
      await tab.at("/accounts/verify/");
      const code = await world.service.code(person.number);
      await tab.leading(async () => {
        await tab.paste("#code", of(code));
        if (!scripts) await tab.enter();
      });
      await person.isIn(person.words.newUnasked);
      same(person.sent("/accounts/verify/"), 1, "forms of codes");
    },
  })),
);

// A phone whose browser reads the message: `navigator.credentials` gives what `window.arrives` is given.
const WEB_OTP = `
  window.OTPCredential = class {};
  const arrived = new Promise((done) => { window.arrives = done; });
  navigator.credentials.get = async ({ otp, signal }) => {
    if (otp?.transport?.[0] !== "sms") throw new TypeError("no transport");
    const code = await Promise.race([arrived, new Promise((_, fail) => {
      signal.addEventListener("abort", () => { window.aborted = true; fail(signal.reason); });
    })]);
    if (code === null) throw new DOMException("no", "NotAllowedError");
    return { code };
  };`;

/** What has the focus, and whether it shows. */
const FOCUS = `(() => {
  const at = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
  const label = at.labels?.[0]?.textContent ?? at.innerText ?? "";
  const box = at.getBoundingClientRect();
  return {
    what: at.id || at.getAttribute("href") || at.value || at.getAttribute("name") || label.trim() || at.tagName,
    submits: at.tagName === "BUTTON" && at.form?.querySelector("#phone, #code") !== null,
    shows: (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none",
    seen: box.width > 0 && box.top < innerHeight && box.bottom > 0,
  };
})()`;

/** Goes on by Tab until the focus is on what is wanted. */
async function tabTo(tab, wanted) {
  for (let steps = 0; steps < 20; steps += 1) {
    const focus = await tab.ask(FOCUS);
    if (wanted(focus)) {
      must(focus.shows, `the focus on ${focus.what} does not show`);
      must(focus.seen, `${focus.what} has the focus and is out of sight`);
      return;
    }
    await tab.tabulator();
  }
  throw new Error("Tab does not come there");
}

export const typing = [
  ...pastes,
  {
    name: "the browser reads the message (WebOTP) and signs in by itself",
    async run(world) {
      const person = await comes(world, { before: WEB_OTP });
      await person.asks();
      const code = await world.service.code(person.number);
      await person.tab.leading(() => person.tab.ask(`arrives("${code}")`));
      await person.isIn(person.words.newUnasked);
      same(person.sent("/accounts/verify/"), 1, "forms of codes");
    },
  },
  {
    name: "WebOTP that is refused, or comes after typing has begun, is no obstacle",
    async run(world) {
      for (const arrives of ["null", '"000000"']) {
        const person = await comes(world, { before: WEB_OTP });
        await person.asks();
        const code = await world.service.code(person.number);
        await person.tab.fill("#code", code.slice(0, 2));
        await person.tab.ask(`arrives(${arrives})`);
        await person.tab.leading(() => person.tab.type(code.slice(2)));
        await person.isIn(person.words.newUnasked);
      }
    },
  },
  {
    name: "the code sends itself once: not after Back, not after the digits are changed",
    async run(world) {
      const person = await comes(world);
      const { tab, words } = person;
      await person.asks();
      const code = await world.service.code(person.number);
      await person.gives(another(code));
      await person.reads(words.wrong);
      await tab.back();
      await eventually("the page of before", async () => (await tab.ask("document.readyState")) === "complete");
      // Whatever would send itself has done so when the next thing that was asked of the page is answered.
      await tab.ask("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
      same(person.sent("/accounts/verify/"), 1, "forms of codes after Back");
      await person.open("/accounts/verify/");
      // Seven digits, then six again: that is mending, no completing.
      await tab.fill("#code", `${code.slice(0, 5)}`);
      await tab.ask(`(() => {
        const field = document.querySelector("#code");
        const set = (text) => { field.value = text; field.dispatchEvent(new Event("input", { bubbles: true })); };
        set("${code}0"); set("${code}");
      })()`);
      await tab.ask("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
      same(person.sent("/accounts/verify/"), 1, "forms of codes after mending");
      await tab.leading(() => tab.enter());
      await person.isIn(words.newUnasked);
    },
    noise: [/status of 4\d\d/],
  },
  ...["fa", "en"].map((language) => ({
    name: `with the keyboard alone (${language})`,
    async run(world) {
      const person = await comes(world, { language, width: 1280, height: 800 });
      const { tab, words } = person;
      await person.open("/");
      await tab.tabulator();
      await tabTo(tab, ({ what }) => what === "#content");
      await tabTo(tab, ({ what }) => what === "/accounts/login/");
      await tab.leading(() => tab.enter());
      same((await tab.ask(FOCUS)).what, "phone", "the field has the focus");
      await tab.type(person.number);
      await tabTo(tab, ({ submits }) => submits);
      await tab.leading(() => tab.enter());
      await tab.at("/accounts/verify/");
      same((await tab.ask(FOCUS)).what, "code", "the field has the focus");
      const code = await world.service.code(person.number);
      await tab.leading(() => tab.type(another(code)));
      await person.reads(words.wrong);
      await tabTo(tab, ({ what }) => what === "code");
      await tab.leading(() => tab.type(code));
      await person.isIn(words.newUnasked);
      await tabTo(tab, ({ what }) => what === "خروج" || what === "Log out");
      await tab.leading(() => tab.enter());
      await person.reads(words.loggedOut);
    },
    noise: [/status of 4\d\d/],
  })),
  {
    name: "a phone without SMS is called",
    async run(world) {
      const person = await comes(world);
      const { tab, words } = person;
      await person.asks();
      await world.service.code(person.number);
      // While it cannot be asked for, the button says so.
      same(await tab.ask(`document.querySelector("${CALL}").ariaDisabled`), "true", "a call too soon");
      await eventually("a call can be asked for", () => tab.ask(`!document.querySelector("${CALL}").ariaDisabled`));
      await tab.follow(CALL);
      await person.reads(words.calling);
      const code = await world.service.code(person.number, 2);
      await person.gives(code);
      await person.isIn(words.newUnasked);
    },
  },
];
