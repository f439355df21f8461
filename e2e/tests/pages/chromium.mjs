// Chromium, driven over its DevTools pipe: nothing to install, and it ends with the pipe.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Nothing waits so long when all is well. */
export const PATIENCE = 60_000;

const pause = (millis) => new Promise((done) => setTimeout(done, millis));

/** What `attempt` gives, once it gives something. */
export async function eventually(what, attempt) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    let found;
    try {
      found = await attempt();
    } catch (error) {
      // A page that is just being left answers nothing.
      if (!error.fromBrowser) throw error;
    }
    if (found) return found;
    if (Date.now() > until) throw new Error(`not within ${PATIENCE / 1000} s: ${what}`);
    await pause(25);
  }
}

export class Chromium {
  #child;
  #profile;
  #next = 1;
  #waiting = new Map();
  #heard = new Map();
  #rest = Buffer.alloc(0);

  /** Starts it with a profile of its own; `preferences` are those of the profile. */
  static async start({ preferences, args = [] } = {}) {
    const browser = new Chromium();
    browser.#profile = mkdtempSync(join(tmpdir(), "ramz-pages-"));
    if (preferences) {
      mkdirSync(join(browser.#profile, "Default"));
      writeFileSync(join(browser.#profile, "Default", "Preferences"), JSON.stringify(preferences));
    }
    const all = [
      "--headless",
      // Chromium refuses its sandbox to root.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-proxy-server",
      "--hide-scrollbars",
      // A gallery of files shows its pattern too.
      "--allow-file-access-from-files",
      "--remote-debugging-pipe",
      `--user-data-dir=${browser.#profile}`,
      ...args,
      "about:blank",
    ];
    browser.#child = spawn(process.env.CHROMIUM ?? "chromium", all, {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    const ended = new Promise((_, fail) => {
      browser.#child.once("error", fail);
      browser.#child.once("exit", () => {
        const error = new Error("Chromium has ended");
        for (const { fail: failed } of browser.#waiting.values()) failed(error);
        fail(error);
      });
    });
    ended.catch(() => {});
    browser.#child.stdio[4].on("data", (bytes) => browser.#read(bytes));
    browser.#child.stdio[3].on("error", () => {});
    await Promise.race([browser.send("Browser.getVersion"), ended]);
    return browser;
  }

  #read(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (let end = this.#rest.indexOf(0); end >= 0; end = this.#rest.indexOf(0)) {
      const message = JSON.parse(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end + 1);
      if (message.id) {
        const waiting = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        // Nobody waits for what came too late.
        if (!waiting) continue;
        if (message.error) {
          waiting.error.message = `${waiting.method}: ${message.error.message}`;
          waiting.error.fromBrowser = true;
          waiting.fail(waiting.error);
        } else waiting.done(message.result);
      } else this.#heard.get(message.sessionId)?.(message.method, message.params);
    }
  }

  /** Sends a command of the DevTools protocol, to a page where one is named. */
  send(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    // Made here, so that it names the line that sent the command.
    const error = new Error(method);
    return new Promise((done, fail) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        error.message = `${method}: no answer within ${PATIENCE / 1000} s`;
        fail(error);
      }, PATIENCE);
      const settled = (act) => (result) => {
        clearTimeout(timer);
        act(result);
      };
      this.#waiting.set(id, { done: settled(done), fail: settled(fail), method, error });
      this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** A person's browser: cookies of its own. */
  async person() {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    return browserContextId;
  }

  /** A tab, of a person where one is named. */
  async tab(person, options = {}) {
    const { targetId } = await this.send("Target.createTarget", {
      url: "about:blank",
      browserContextId: person,
    });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const tab = new Tab(this, sessionId, targetId, person);
    this.#heard.set(sessionId, (method, params) => tab.hear(method, params));
    await tab.begin(options);
    return tab;
  }

  /** Forgets a person, and closes their tabs. */
  async forget(person) {
    await this.send("Target.disposeBrowserContext", { browserContextId: person });
  }

  async close() {
    const gone = new Promise((done) => this.#child.once("exit", done));
    await this.send("Browser.close").catch(() => {});
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(timer);
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

export class Tab {
  /** Every request: method, address, type, and the bytes of its answer. */
  requests = [];
  /** What the console said of errors, among them what the policy of the page refused. */
  errors = [];
  /** Events of a trace that runs. */
  trace = [];
  #loads = 0;
  #events = new Map();

  constructor(browser, session, target, person) {
    Object.assign(this, { browser, session, target, person });
  }

  send(method, params) {
    return this.browser.send(method, params, this.session);
  }

  /** `language` is what the browser asks for; without `scripts` none runs. */
  async begin({ language = "fa", scripts = true, width = 360, height = 740, before }) {
    await Promise.all([
      this.send("Page.enable"),
      this.send("Network.enable"),
      this.send("Log.enable"),
      this.send("Runtime.enable"),
    ]);
    await this.send("Network.setExtraHTTPHeaders", { headers: { "Accept-Language": language } });
    await this.size(width, height);
    if (!scripts) await this.send("Emulation.setScriptExecutionDisabled", { value: true });
    if (before) await this.send("Page.addScriptToEvaluateOnNewDocument", { source: before });
  }

  size(width, height, scale = 1) {
    return this.send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: scale,
      mobile: false,
    });
  }

  media(features) {
    const list = Object.entries(features).map(([name, value]) => ({ name, value }));
    return this.send("Emulation.setEmulatedMedia", { features: list });
  }

  hear(method, params) {
    if (method === "Page.loadEventFired") this.#loads += 1;
    else if (method === "Network.requestWillBeSent") {
      const { request, requestId, type, redirectResponse } = params;
      if (redirectResponse) {
        const before = this.requests.findLast((known) => known.id === requestId);
        if (before) before.status = redirectResponse.status;
      }
      this.requests.push({ id: requestId, method: request.method, url: request.url, type, bytes: 0 });
    } else if (method === "Network.responseReceived") {
      const known = this.requests.findLast((one) => one.id === params.requestId);
      if (known) Object.assign(known, { status: params.response.status, timing: params.response.timing });
    } else if (method === "Network.loadingFinished") {
      const known = this.requests.findLast((one) => one.id === params.requestId);
      if (known) known.bytes = params.encodedDataLength;
    } else if (method === "Network.dataReceived") {
      const known = this.requests.findLast((one) => one.id === params.requestId);
      if (known) known.content = (known.content ?? 0) + params.dataLength;
    } else if (method === "Log.entryAdded" && params.entry.level === "error") {
      this.errors.push(`${params.entry.source}: ${params.entry.text}`);
    } else if (method === "Runtime.exceptionThrown") {
      this.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    } else if (method === "Tracing.dataCollected") this.trace.push(...params.value);
    this.#events.get(method)?.(params);
  }

  /** The next event of this name. */
  event(method) {
    return new Promise((done) => {
      this.#events.set(method, (params) => {
        this.#events.delete(method);
        done(params);
      });
    });
  }

  /** What leads to another page, and that it has been loaded. */
  async leading(act) {
    const before = this.#loads;
    await act();
    await eventually("a page is loaded", () => this.#loads > before);
    await eventually("the page is whole", () => this.ask("document.readyState === 'complete'"));
  }

  goto(url) {
    return this.leading(() => this.send("Page.navigate", { url }));
  }

  reload() {
    return this.leading(() => this.send("Page.reload"));
  }

  async back() {
    const { currentIndex, entries } = await this.send("Page.getNavigationHistory");
    const entryId = entries[currentIndex - 1].id;
    const left = await this.ask("performance.timeOrigin");
    await this.send("Page.navigateToHistoryEntry", { entryId });
    // A page out of the cache of Back loads nothing.
    await eventually("Back has led on", async () => {
      const whole = await this.ask("document.readyState === 'complete'");
      return whole && (await this.ask("performance.timeOrigin")) !== left;
    });
  }

  /** What an expression gives. */
  async ask(expression) {
    const asked = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", asked);
    if (exceptionDetails) {
      const error = new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      error.fromBrowser = true;
      throw error;
    }
    return result.value;
  }

  path() {
    return this.ask("location.pathname + location.search");
  }

  text(selector = "main") {
    return this.ask(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`);
  }

  title() {
    return this.ask("document.title");
  }

  async at(path) {
    await eventually(`the page ${path}; it is at ${await this.path()}`, async () => {
      const there = await this.path();
      return there === path && (await this.ask("document.readyState === 'complete'"));
    });
  }

  /** The middle of what is shown of an element, once it is shown. */
  async #middle(selector) {
    return eventually(`${selector} is shown`, () =>
      this.ask(`(() => {
        const found = document.querySelector(${JSON.stringify(selector)});
        if (!found) return null;
        found.scrollIntoView({ block: "center", behavior: "instant" });
        const box = found.getBoundingClientRect();
        return box.width && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      })()`),
    );
  }

  /** Presses the mouse on an element; `clicks` times in quick succession. */
  async click(selector, clicks = 1) {
    const { x, y } = await this.#middle(selector);
    const sent = [];
    for (let clickCount = 1; clickCount <= clicks; clickCount += 1) {
      for (const type of ["mousePressed", "mouseReleased"]) {
        sent.push(this.send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount }));
      }
    }
    // The page may be gone before it has answered.
    await Promise.allSettled(sent);
  }

  follow(selector) {
    return this.leading(() => this.click(selector));
  }

  async key(key, { code = key, keyCode, text, commands, modifiers = 0 } = {}) {
    const press = { key, code, windowsVirtualKeyCode: keyCode, modifiers };
    const down = { type: text ? "keyDown" : "rawKeyDown", ...press, text, commands };
    await Promise.allSettled([
      this.send("Input.dispatchKeyEvent", down),
      this.send("Input.dispatchKeyEvent", { type: "keyUp", ...press }),
    ]);
  }

  enter() {
    return this.key("Enter", { keyCode: 13, text: "\r" });
  }

  tabulator(back = false) {
    return this.key("Tab", { keyCode: 9, modifiers: back ? 8 : 0 });
  }

  /** Types key by key into whatever has the focus. */
  async type(text) {
    for (const key of text) await this.key(key, { text: key });
  }

  /** Takes a text into the clipboard and pastes it into a field. */
  async paste(selector, text) {
    await this.click(selector);
    await this.browser.send("Browser.grantPermissions", {
      permissions: ["clipboardReadWrite", "clipboardSanitizedWrite"],
      browserContextId: this.person,
    });
    await this.ask(`navigator.clipboard.writeText(${JSON.stringify(text)})`);
    await this.key("v", { code: "KeyV", keyCode: 86, modifiers: 2, commands: ["paste"] });
  }

  /** Empties a field and types into it. */
  async fill(selector, text) {
    await this.click(selector);
    await this.key("a", { code: "KeyA", keyCode: 65, modifiers: 2, commands: ["selectAll"] });
    await this.key("Backspace", { keyCode: 8 });
    await this.type(text);
  }

  /** A picture of the whole page, which is shown as high as it is for that: beyond the window Chromium
      shifts pages that are written from right to left. */
  async picture({ width, least, scale = 1, format = "png", quality }) {
    await this.size(width, least, scale);
    const high = await this.ask("Math.ceil(document.documentElement.getBoundingClientRect().height)");
    await this.size(width, Math.max(least, high), scale);
    const { data } = await this.send("Page.captureScreenshot", { format, quality });
    return Buffer.from(data, "base64");
  }

  async close() {
    await this.browser.send("Target.closeTarget", { targetId: this.target });
  }
}
