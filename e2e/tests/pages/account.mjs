// What members do: passwords, names, another number, devices, the end of the account; and what is wrong with a
// request. Each in both languages, with and without scripts.
import http from "node:http";
import { CALL, LOG_OUT, SEND, another, must, same } from "./people.mjs";
import { comes } from "./flows.mjs";
import { Person } from "./people.mjs";
import { eventually } from "./wait.mjs";

const GOOD = "tahdig-va-ghormeh";
const BETTER = "sabzi-polo-ba-mahi";

/** What the pages say, by language. */
const SAYS = {
  fa: {
    choose: "انتخاب گذرواژه",
    missing: "گذرواژهٔ تازه را ننوشته‌اید",
    short: "گذرواژه کوتاه است",
    easy: "زود حدس زده می‌شود",
    set: "گذرواژه ثبت شد",
    wrongPair: "شماره یا گذرواژه نادرست است",
    locked: "برای این شماره بارها",
    wrongCurrent: "گذرواژهٔ کنونی نادرست است",
    emailWrong: "ایمیل درست نیست",
    saved: "ذخیره شد",
    name: ["مریم", "رضایی", "سلام مریم"],
    changed: "شمارهٔ شما عوض شد",
    taken: "از آنِ حساب دیگری است",
    unchanged: "شمارهٔ کنونی شماست",
    one: "تنها در همین دستگاه",
    ended: "آن دستگاه از حساب شما خارج شد",
    others: "همهٔ دستگاه‌های دیگر از حساب شما",
    word: "حذف",
    nothing: "چیزی حذف نشد",
    deleted: "حساب شما حذف شد",
    notFound: "این صفحه پیدا نشد",
    method: "این‌گونه نمی‌شود باز کرد",
    elsewhere: "از سایت دیگری آمده است",
    unreadable: "درخواست درست نرسید",
    tooSoon: "ثانیهٔ دیگر تماس بخواهید",
  },
  en: {
    choose: "Choose a password",
    missing: "The new password is missing",
    short: "The password is too short",
    easy: "too easy to guess",
    set: "Your password is set",
    wrongPair: "The number or the password is wrong",
    locked: "Too many wrong codes or passwords for this number",
    wrongCurrent: "The current password is wrong",
    emailWrong: "mail address",
    saved: "Your profile is up to date",
    name: ["Maryam", "Rezaei", "Hello Maryam"],
    changed: "Your number has changed",
    taken: "belongs to another account",
    unchanged: "This is your present number",
    one: "on this device only",
    ended: "That device is signed out",
    others: "All your other devices",
    word: "delete",
    nothing: "Nothing was deleted",
    deleted: "Your account is deleted",
    notFound: "There is no such page",
    method: "cannot be opened in this way",
    elsewhere: "came from another site",
    unreadable: "did not arrive as it should",
    tooSoon: "ask for a call in",
  },
};

const ways = ["fa", "en"].flatMap((language) => [true, false].map((scripts) => ({ language, scripts })));

/** A case in every language, with and without scripts. */
const each = (name, run, noise = [/status of 4\d\d/]) =>
  ways.map((way) => ({
    name: `${name} (${way.language}, ${way.scripts ? "with" : "without"} scripts)`,
    noise,
    async run(world) {
      const person = await comes(world, way);
      await run({ world, person, tab: person.tab, says: SAYS[way.language], words: person.words, way });
    },
  }));

const form = (path) => `form[action='${path}'] button.button`;
const PASSWORD = "/users/profile/password/";
const LOG_IN = "/accounts/login/password/";
const RESET = "/accounts/password/reset/";
const RESET_CODE = "/accounts/password/reset/verify/";
const PROFILE = "/users/profile/update/";
const PHONE = "/users/profile/phone/";
const PHONE_CODE = "/users/profile/phone/verify/";
const DEVICES = "/users/profile/devices/";
const DELETE = "/users/profile/delete/";

/** What is wrong is told at the top, has the focus and stands in the title. */
async function isTold(person, words, tab = person.tab) {
  await person.reads(words, tab);
  same(await tab.ask("document.activeElement.id"), "trouble", "focus");
  must((await tab.title()).startsWith(person.words.error), "the title tells of the error");
}

/** Chooses a password on the page for it. */
async function chooses(person, password) {
  await person.tab.fill("#new_password", password);
  await person.tab.follow(form(PASSWORD));
}

async function logsIn(person, password, number = person.number) {
  await person.open(LOG_IN);
  await person.tab.fill("#phone", number);
  await person.tab.fill("#password", password);
  await person.tab.follow(form(LOG_IN));
}

async function logsOut(person) {
  await person.open("/");
  await person.tab.follow(LOG_OUT);
  await person.reads(person.words.loggedOut);
}

/** Signs in with a code and chooses a password. */
async function withPassword(person, password = GOOD) {
  await person.signsIn();
  await person.open(PASSWORD);
  await chooses(person, password);
  await person.tab.at("/");
}

/** A site of somebody else, with a page of these contents; another port is another origin. */
async function elsewhere(html, visit) {
  const server = http.createServer((_, answer) => {
    answer.setHeader("content-type", "text/html; charset=utf-8");
    answer.end(`<!DOCTYPE html><title>x</title>${html}`);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    await visit(`http://127.0.0.1:${server.address().port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The newest code of a number once it is another message than those of before. */
const next = (world, number, before) => world.service.code(number, before + 1);
const count = async (world, number) => (await world.service.messages(number)).length;

export const account = [
  ...each("register with a password, after its code, and log in with it", async ({ world, person, tab, says, words }) => {
    await person.open("/accounts/signup/");
    await tab.follow("main a[href*='next=']");
    await tab.fill("#phone", person.number);
    await tab.follow(SEND);
    await person.gives(await world.service.code(person.number));
    await tab.at(PASSWORD);
    await person.reads(says.choose);
    for (const [typed, said] of [["", says.missing], ["kutah", says.short], ["password1", says.easy]]) {
      await chooses(person, typed);
      await isTold(person, said);
      same(await tab.ask("document.querySelector('#new_password').value"), "", "a password is not shown again");
    }
    await chooses(person, GOOD);
    await person.isIn(says.set);
    await logsOut(person);
    await logsIn(person, BETTER);
    await isTold(person, says.wrongPair);
    same(await tab.ask("document.querySelector('#phone').value"), person.number, "the number");
    await tab.fill("#password", GOOD);
    await tab.follow(form(LOG_IN));
    await person.isIn(words.known);
  }),
  ...each("a number that is locked says so, and a code gets in", async ({ world, person, tab, says, words }) => {
    await withPassword(person);
    await logsOut(person);
    // Three are allowed here.
    for (let tries = 0; tries < 3; tries += 1) {
      await logsIn(person, BETTER);
      await person.reads(says.wrongPair);
    }
    await logsIn(person, GOOD);
    await isTold(person, says.locked);
    const before = await count(world, person.number);
    await tab.follow("main a[href='/accounts/login/']");
    await tab.fill("#phone", person.number);
    await tab.follow(SEND);
    await person.gives(await next(world, person.number, before));
    await person.isIn(words.known);
  }),
  ...each("a forgotten password is replaced by a code", async ({ world, person, tab, says }) => {
    await withPassword(person);
    await logsOut(person);
    await person.open(LOG_IN);
    await tab.follow(`main a[href='${RESET}']`);
    const before = await count(world, person.number);
    await tab.fill("#phone", person.number);
    await tab.follow(SEND);
    await tab.at(RESET_CODE);
    const code = await next(world, person.number, before);
    // Nothing is sent by itself where a password is asked for with the code.
    await tab.fill("#code", code);
    await tab.fill("#new_password", "short");
    await tab.follow(form(RESET_CODE));
    await isTold(person, says.short);
    same(await tab.ask("document.querySelector('#code').value"), code, "the code is kept");
    await tab.fill("#code", another(code));
    await tab.fill("#new_password", BETTER);
    await tab.follow(form(RESET_CODE));
    await isTold(person, person.words.wrong);
    await tab.fill("#code", code);
    await tab.fill("#new_password", BETTER);
    await tab.follow(form(RESET_CODE));
    await person.isIn(says.set);
    await logsOut(person);
    await logsIn(person, GOOD);
    await person.reads(says.wrongPair);
  }),
  ...each("the password is changed by the one who knows it", async ({ person, tab, says, words }) => {
    await withPassword(person);
    await logsOut(person);
    await logsIn(person, GOOD);
    await person.open(PASSWORD);
    await tab.fill("#current_password", BETTER);
    await chooses(person, BETTER);
    await isTold(person, says.wrongCurrent);
    await tab.fill("#current_password", GOOD);
    await chooses(person, BETTER);
    await person.isIn(says.set);
    await logsOut(person);
    await logsIn(person, BETTER);
    await person.isIn(words.known);
  }),
  ...each("names and e-mail address are saved, a wrong one is told and kept", async ({ person, tab, says }) => {
    const [first, last, hello] = says.name;
    await person.signsIn();
    await tab.follow(`main a[href='${PROFILE}']`);
    await tab.fill("#first_name", first);
    await tab.fill("#last_name", last);
    await tab.fill("#email", "maryam@example");
    await tab.follow(form(PROFILE));
    await isTold(person, says.emailWrong);
    same(await tab.ask("document.querySelector('#email').value"), "maryam@example", "what was typed");
    same(await tab.ask("document.querySelector('#email').getAttribute('aria-invalid')"), "true", "invalid");
    await tab.fill("#email", "maryam@example.com");
    await tab.follow(form(PROFILE));
    await person.isIn(says.saved);
    await person.reads(hello);
    await person.open(PROFILE);
    same(await tab.ask("document.querySelector('#last_name').value"), last, "the name");
  }),
  ...each("another number, by a code to it; one that is taken, and one's own, are told", async ({ world, person, tab, says, way }) => {
    const other = await comes(world, way);
    await other.signsIn();
    await person.signsIn();
    await tab.follow(`main a[href='${PHONE}']`);
    const asks = async (number) => {
      await person.open(PHONE);
      await tab.fill("#phone", number);
      await tab.follow(form(PHONE));
    };
    await asks(person.number);
    await isTold(person, says.unchanged);
    await asks("0912");
    await person.reads(person.words.malformed);
    const before = await count(world, other.number);
    await asks(other.number);
    await tab.at(PHONE_CODE);
    await person.gives(await next(world, other.number, before));
    await isTold(person, says.taken);
    await tab.follow(`main a[href='${PHONE}']`);
    const fresh = world.service.number();
    await asks(fresh);
    await tab.at(PHONE_CODE);
    const code = await world.service.code(fresh);
    await person.gives(another(code));
    await isTold(person, person.words.wrong);
    await person.gives(code);
    person.number = fresh;
    await person.isIn(says.changed);
  }),
  ...each("devices: one is ended, then all others", async ({ world, person, tab, says, way }) => {
    await person.signsIn();
    await person.open(DEVICES);
    await person.reads(says.one);
    same(await tab.ask("document.querySelectorAll('[name=end]').length"), 0, "buttons that end");
    const others = [];
    for (let number = 0; number < 2; number += 1) {
      const other = await Person.come(world.browser, world.service, way);
      world.come.push(other);
      other.number = person.number;
      const before = await count(world, person.number);
      await other.asks();
      await other.gives(await next(world, person.number, before));
      await other.isIn(other.words.known);
      others.push(other);
    }
    await tab.reload();
    same(await tab.ask("document.querySelectorAll('.devices li').length"), 3, "devices");
    await tab.follow(".devices [name=end]");
    await person.reads(says.ended);
    same(await tab.ask("document.querySelectorAll('.devices li').length"), 2, "devices");
    await tab.follow("[name=end][value=others]");
    await person.reads(says.others);
    await person.reads(says.one);
    for (const other of others) {
      await other.open(DEVICES);
      must((await other.tab.path()).startsWith("/accounts/login/"), "it is still signed in");
    }
  }),
  ...each("the account is deleted by the one who types the word, and by nobody else", async ({ world, person, tab, says }) => {
    await person.signsIn();
    await tab.follow(`main a[href='${DELETE}']`);
    for (const typed of ["", "x"]) {
      await tab.fill("#word", typed);
      await tab.follow(form(DELETE));
      await isTold(person, says.nothing);
    }
    await tab.fill("#word", says.word);
    await tab.follow(form(DELETE));
    await tab.at("/");
    await person.reads(says.deleted);
    must(!(await tab.text("body")).includes(person.number.slice(0, 4)), "the number is still shown");
    await person.open(PROFILE);
    must((await tab.path()).startsWith("/accounts/login/"), "it is still signed in");
    // The number begins anew.
    const before = await count(world, person.number);
    await person.asks();
    await person.gives(await next(world, person.number, before));
    await person.isIn(person.words.newUnasked);
  }),
  ...each("pages that are not there, forms of elsewhere, forms that nobody can read", async ({ world, person, says, way }) => {
    const tab = await world.browser.tab(person.id, way);
    const form = (path, more = "") =>
      `<form method="post" action="${world.service.url}${path}" ${more}><textarea name="phone">${person.number}</textarea><button>x</button></form>`;
    await person.open("/users/nothing/", tab);
    await person.reads(says.notFound, tab);
    await person.open("/accounts/login/", tab);
    await elsewhere(form("/accounts/login/"), async (address) => {
      await tab.goto(address);
      await tab.follow("button");
    });
    await person.reads(says.elsewhere, tab);
    same((await world.service.messages(person.number)).length, 0, "messages");
    for (const [path, more, said] of [
      ["/accounts/login/", 'enctype="text/plain"', says.unreadable],
      ["/users/nothing/", "", says.notFound],
    ]) {
      await person.open("/accounts/login/", tab);
      const { frameTree } = await tab.send("Page.getFrameTree");
      await tab.send("Page.setDocumentContent", { frameId: frameTree.frame.id, html: form(path, more) });
      await tab.follow("button");
      await person.reads(said, tab);
    }
    await tab.follow("main a[href='/']");
    await tab.at("/");
  }),
  {
    name: "a call that is asked for too early, where the message is: it says when, and then it comes",
    async run(world) {
      for (const way of ways) {
        const person = await comes(world, way);
        const { tab } = person;
        await person.asks();
        await world.service.code(person.number);
        // Somebody who presses a button that a page of before still has.
        await tab.ask(`document.querySelectorAll("[data-resend-form] button").forEach((button) => button.removeAttribute("aria-disabled"))`);
        await tab.follow(CALL);
        await tab.at("/accounts/verify/");
        await person.reads(SAYS[way.language].tooSoon);
        await tab.follow(".last a[href='/accounts/verify/message/']");
        for (let looks = 0; !(await tab.ask("document.querySelector('button[value=call]') !== null")); looks += 1) {
          must(looks < 600, "no call is ever offered");
          await tab.follow("main a[href='/accounts/verify/message/']");
        }
        await tab.follow("button[value=call]");
        await person.reads(person.words.calling);
        await person.gives(await world.service.code(person.number, 2));
        await person.isIn(person.words.newUnasked);
      }
    },
  },
  {
    name: "a page of another origin can show none of ours in a frame",
    async run(world) {
      const person = await comes(world);
      await person.signsIn();
      for (const path of ["/", "/accounts/login/", DELETE]) {
        const tab = await world.browser.tab(person.id, {});
        await elsewhere(`<iframe src="${world.service.url}${path}"></iframe>`, async (address) => {
          await tab.goto(address);
          await eventually("the frame is refused", () => tab.errors.some((text) => text.includes("frame-ancestors")));
        });
      }
    },
  },
  {
    name: "markup that is typed runs nothing, wherever it is shown again",
    async run(world) {
      const person = await comes(world, { before: "window.alert = () => { window.ran = true; };" });
      const { tab, words } = person;
      const nothingRan = async () => {
        must(!(await tab.ask("window.ran === true || document.querySelector('img[src=x]') !== null")), "it ran");
      };
      const markup = `"><img src=x onerror=alert(1)><script>alert(1)</script>`;
      await person.open("/accounts/login/");
      await tab.fill("#phone", markup);
      await tab.follow(SEND);
      await person.reads(words.malformed);
      await nothingRan();
      await person.open(`/accounts/login/?next=/${encodeURIComponent(markup)}`);
      await nothingRan();
      await person.signsIn();
      await person.open(PROFILE);
      await tab.fill("#first_name", markup);
      await tab.follow(form(PROFILE));
      await tab.at("/");
      await person.reads(markup);
      await nothingRan();
      await person.open(PROFILE);
      same(await tab.ask("document.querySelector('#first_name').value"), markup, "the name");
      await nothingRan();
    },
    noise: [/status of 4\d\d/],
  },
];
