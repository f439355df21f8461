// One page of the browser: what a person does with it, and what can be read of it.
import { eventually } from "./wait.mjs";

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
    // What is typed comes here, whichever window is in front.
    await this.send("Emulation.setFocusEmulationEnabled", { enabled: true });
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
    let there;
    const whole = async () => {
      there = await this.path();
      return there === path && (await this.ask("document.readyState === 'complete'"));
    };
    try {
      await eventually(`the page ${path}`, whole);
    } catch (error) {
      throw new Error(`${error.message}; it is at ${there}, which says: ${await this.text("body")}`);
    }
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
