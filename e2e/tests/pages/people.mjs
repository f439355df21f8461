// People at a running service: what they do on its pages, and what reaches their phones.
import { eventually } from "./wait.mjs";

/** The Persian digits of a text in ASCII ones. */
export const persian = (text) => text.replace(/[0-9]/g, (digit) => "۰۱۲۳۴۵۶۷۸۹"[digit]);

/** Two languages, and words that tell where somebody is. */
export const WORDS = {
  fa: {
    welcomeNew: "حساب شما ساخته شد",
    newUnasked: "این شماره حسابی نداشت",
    known: "وارد حساب خود شدید",
    loggedOut: "خارج شدید",
    wrong: "کد نادرست است",
    exhausted: "دفعات مجاز تمام شد",
    malformed: "این شماره درست نیست",
    noNumber: "شمارهٔ موبایل را ننوشته‌اید",
    cookiesOff: "مرورگر شما کوکی نمی‌پذیرد",
    tooOld: "این صفحه قدیمی شده است",
    calling: "زنگ می‌زنیم",
    sentAgain: "دوباره فرستادیم",
    onItsWay: "کد در راه است",
    expired: "زمان کد گذشته است",
    gone: "این درخواست دیگر معتبر نیست",
    error: "خطا",
  },
  en: {
    welcomeNew: "Your account is ready",
    newUnasked: "This number had no account",
    known: "You are in your account",
    loggedOut: "You are logged out",
    wrong: "That code is wrong",
    exhausted: "No attempts left",
    malformed: "number",
    noNumber: "mobile number",
    cookiesOff: "cookies",
    tooOld: "page",
    calling: "We are calling",
    sentAgain: "Sent again",
    onItsWay: "The code is on its way",
    expired: "This code has expired",
    gone: "This request is no longer valid",
    error: "Error",
  },
};

export const SEND = "form:has(#phone) button.button";
export const SUBMIT = "[data-code-form] button.button";
export const RESEND = "[data-resend]";
export const CALL = "[data-resend-form] button[value=call]";
export const LOG_OUT = "form[action='/accounts/logout/'] button";

/** A service that was started for these cases. */
export class Service {
  #numbers;

  constructor(url, inbox) {
    Object.assign(this, { url, inbox });
    // Elsewhere in each run, so that a service that is already running will do.
    this.#numbers = 1_000_000 + Math.floor(Math.random() * 80_000) * 100;
  }

  /** A number that nobody else has. */
  number() {
    this.#numbers += 1;
    return `0912${this.#numbers}`;
  }

  async messages(number) {
    const answer = await fetch(`${this.inbox}/_sim/messages?receptor=${number}&limit=100`);
    return answer.json();
  }

  /** The newest code of a number, once so many messages have come. */
  async code(number, messages = 1) {
    return eventually(`message ${messages} of a number comes`, async () => {
      const all = await this.messages(number);
      return all.length >= messages && all[0].code;
    });
  }
}

/** A code that is not this one. */
export const another = (code, by = 1) =>
  code.slice(0, -1) + String((Number(code.at(-1)) + by) % 10);

/** Somebody with a phone and a browser. */
export class Person {
  static async come(browser, service, options = {}) {
    const person = new Person();
    Object.assign(person, { browser, service, options, words: WORDS[options.language ?? "fa"] });
    person.id = await browser.person();
    person.number = service.number();
    person.tabs = [];
    person.tab = await person.another();
    return person;
  }

  /** One more tab. */
  async another() {
    const tab = await this.browser.tab(this.id, this.options);
    this.tabs.push(tab);
    return tab;
  }

  open(path, tab = this.tab) {
    return tab.goto(this.service.url + path);
  }

  /** Gives the number, and comes to the page of the code. */
  async asks(number = this.number, tab = this.tab) {
    await this.open("/accounts/login/", tab);
    await tab.fill("#phone", number);
    await tab.follow(SEND);
    await tab.at("/accounts/verify/");
  }

  /** Types the code; scripts send it by themselves, without them Enter does. */
  async gives(code, tab = this.tab) {
    await tab.leading(async () => {
      await tab.fill("#code", code);
      if (this.options.scripts === false) await tab.enter();
    });
  }

  async isIn(words, tab = this.tab) {
    await tab.at("/");
    await this.reads(words, tab);
    const spaced = this.number.replace(/(....)(...)(....)/, "$1 $2 $3");
    await this.reads(spaced, tab);
  }

  async signsIn(words = this.words.newUnasked) {
    await this.asks();
    await this.gives(await this.service.code(this.number));
    await this.isIn(words);
  }

  /** The page says it. */
  async reads(words, tab = this.tab) {
    let last = "";
    try {
      await eventually(words, async () => (last = await tab.text("body")).includes(words));
    } catch (error) {
      throw new Error(`${error.message}; the page says: ${last}`);
    }
  }

  /** How often a form of this path was sent. */
  sent(path, tab = this.tab) {
    return tab.requests.filter(({ method, url }) => method === "POST" && new URL(url).pathname === path)
      .length;
  }

  async leave() {
    await this.browser.forget(this.id);
  }
}

/** Fails with what was wanted. */
export function must(true_, what) {
  if (!true_) throw new Error(what);
}

export function same(found, wanted, what) {
  must(Object.is(found, wanted), `${what}: ${JSON.stringify(found)} where ${JSON.stringify(wanted)} is wanted`);
}
