// The sites and apps that sign people in by Ramz: the files of the guides as they stand there, each with its library
// unmodified, as a process of its own.
import { spawn, spawnSync } from "node:child_process";
import { createServer } from "node:http";
import { createServer as createSocket } from "node:net";
import { copyFileSync, existsSync, openSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { here, layDown } from "./guide.mjs";
import { eventually } from "../pages/wait.mjs";

/** The `org.json` of Android. */
const ANDROID_JSON = "/usr/share/java/com.android.json.jar";

/** Each site: its library, its guide, and how it is started in its folder. */
export const SITES = [
  {
    name: "openid-client",
    guide: "openid-node.md",
    async start(site, { node_modules }) {
      if (!existsSync(join(site.folder, "node_modules"))) symlinkSync(node_modules, join(site.folder, "node_modules"));
      return run(site, "node", ["site.mjs"]);
    },
  },
  { name: "oauth4webapi", guide: "openid-spa.md", start: serveFiles },
  {
    name: "Authlib",
    guide: "openid-example.md",
    async start(site, { python }) {
      const { port } = new URL(site.url);
      return run(site, python, ["-m", "flask", "--app", "example.py", "run", "--port", port], {
        SESSION_KEY: "for this run alone",
      });
    },
  },
  {
    name: "mozilla-django-oidc",
    guide: "openid-django.md",
    async start(site, { python }) {
      copyFileSync(join(here, "django_project.py"), join(site.folder, "project.py"));
      const environment = { DJANGO_SETTINGS_MODULE: "project", PYTHONPATH: site.folder, RENEW_AFTER: "5" };
      const made = spawnSync(python, ["-m", "django", "migrate", "--run-syncdb"], {
        cwd: site.folder,
        env: { ...process.env, ...site.environment, ...environment },
        encoding: "utf8",
      });
      if (made.status !== 0) throw new Error(made.stderr);
      const address = new URL(site.url).host;
      return run(site, python, ["-m", "django", "runserver", "--noreload", address], environment);
    },
  },
  { name: "native", guide: "openid-mobile.md", app: true, start: compile },
];

/** A process of a site in its folder; what it says goes to its log. */
function run(site, command, args, environment = {}) {
  const log = openSync(site.log, "a");
  const child = spawn(command, args, {
    cwd: site.folder,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...site.environment, ...environment },
    stdio: ["ignore", log, log],
  });
  return { end: () => child.kill() };
}

/** Any server of files will do for an app that lives in the browser. */
async function serveFiles(site, { node_modules }) {
  const { RAMZ_URL, CLIENT_ID } = site.environment;
  const config = readFileSync(join(site.folder, "config.js"), "utf8")
    .replace(/(RAMZ_URL = )".*"/, `$1"${RAMZ_URL}"`)
    .replace(/(CLIENT_ID = )".*"/, `$1"${CLIENT_ID}"`);
  const types = { "/": "text/html", "/app.js": "text/javascript", "/config.js": "text/javascript" };
  const library = join(node_modules, "oauth4webapi/build/index.js");
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, site.url);
    const isLibrary = pathname === "/oauth4webapi.js";
    const type = isLibrary ? "text/javascript" : types[pathname];
    if (!type) return response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": `${type}; charset=utf-8` });
    if (pathname === "/config.js") return response.end(config);
    const file = isLibrary ? library : join(site.folder, pathname === "/" ? "index.html" : pathname);
    response.end(readFileSync(file));
  });
  await new Promise((done) => server.listen(new URL(site.url).port, "127.0.0.1", done));
  return {
    end() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** As strictly as javac can, for the Java of Android; the app is started by the one who drives it. */
async function compile(site) {
  const files = ["RamzSignIn.java", "Loopback.java"].map((name) => join(site.folder, name));
  const strict = ["--release", "8", "-encoding", "UTF-8", "-Xlint:all,-options,-serial", "-Werror"];
  const paths = ["-d", site.folder, "-cp", ANDROID_JSON];
  const made = spawnSync("javac", [...strict, ...paths, ...files, join(here, "App.java")], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr || String(made.error));
  return { end() {} };
}

/** The app, which says line by line what it does and takes lines. */
export function startApp(site, redirectUri) {
  const { RAMZ_URL, CLIENT_ID } = site.environment;
  const classes = [site.folder, ANDROID_JSON].join(delimiter);
  const args = ["-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", classes, "App", RAMZ_URL, CLIENT_ID];
  return spawn("java", redirectUri ? [...args, redirectUri] : args, {
    cwd: site.folder,
    stdio: ["pipe", "pipe", openSync(site.log, "a")],
  });
}

async function freePort() {
  const server = createSocket();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Chooses ports, and adds the client of each site as its guide says, by the `api` that is found in PATH. */
export async function prepare(folder) {
  const { PATH, HOME, OIDC_CLIENTS_FILE } = process.env;
  const sites = [];
  for (const { name, guide } of SITES) {
    const place = join(folder, name);
    layDown(guide, place);
    const url = `http://127.0.0.1:${await freePort()}`;
    const added = spawnSync("sh", ["-eu", "add-client.sh"], {
      cwd: place,
      // Nothing else: `api` refuses what looks like a setting and is none.
      env: { PATH, HOME, OIDC_CLIENTS_FILE, SITE_URL: url },
      encoding: "utf8",
    });
    if (added.status !== 0) throw new Error(`${name}: ${added.stderr || added.error}`);
    const given = added.stdout.matchAll(/^(CLIENT_\w+)=(\S+)$/gm);
    const environment = Object.fromEntries([...given].map(([, key, value]) => [key, value]));
    sites.push({ name, url, environment });
  }
  writeFileSync(join(folder, "sites.json"), JSON.stringify(sites), { mode: 0o600 });
}

/** The sites of a prepared folder, for the provider at an address. */
export function sitesOf(folder, ramz) {
  const prepared = JSON.parse(readFileSync(join(folder, "sites.json"), "utf8"));
  return prepared.map(({ name, url, environment }) => ({
    ...SITES.find((site) => site.name === name),
    url,
    folder: join(folder, name),
    log: join(folder, `${name}.log`),
    environment: { ...environment, SITE_URL: url, RAMZ_URL: ramz },
  }));
}

/** Starts a site and waits until it answers. */
export async function start(site, installed) {
  const running = await site.start(site, installed);
  if (!site.app) {
    await eventually(`${site.name} answers`, () => fetch(site.url).then(() => true, () => false));
  }
  return running;
}
