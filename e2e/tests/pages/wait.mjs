// Waiting for what comes by itself.

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
