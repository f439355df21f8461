// Chromium, driven over its DevTools pipe: nothing to install, and it ends with the pipe.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tab } from "./tab.mjs";
import { PATIENCE } from "./wait.mjs";

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
