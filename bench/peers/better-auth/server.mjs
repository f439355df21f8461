// A service of better-auth with its plugin phoneNumber, as its documentation advises for production: its
// own PostgreSQL adapter, rate limits on, messages sent in the background, one process for each core.
//
// `server.mjs migrate` makes the tables; `server.mjs` serves on PORT.

import cluster from "node:cluster";
import { createServer } from "node:http";
import process from "node:process";

import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { phoneNumber } from "better-auth/plugins/phone-number";
import pg from "pg";

const PROCESSES = 2;
const { DATABASE_URL, GATEWAY_URL, PORT } = process.env;

async function sendCode({ phoneNumber, code }) {
    const answer = await fetch(`${GATEWAY_URL}/v1/AB12/verify/lookup.json`, {
        method: "POST",
        body: new URLSearchParams({
            receptor: phoneNumber.replace("+98", "0"),
            template: "ramz-otp",
            token: code,
            type: "sms",
        }),
    });
    const { return: result } = await answer.json();
    if (result.status !== 200) throw new Error(`the gateway refused: ${result.status}`);
}

const auth = betterAuth({
    baseURL: `http://127.0.0.1:${PORT}`,
    secret: "only for measuring, on a machine of one's own, for some minutes",
    database: new pg.Pool({ connectionString: DATABASE_URL }),
    telemetry: { enabled: false },
    advanced: {
        // People come through a proxy that names them.
        ipAddress: { ipAddressHeaders: ["x-forwarded-for"] },
        backgroundTasks: { handler: (task) => void task.catch(() => {}) },
    },
    plugins: [
        phoneNumber({
            sendOTP: sendCode,
            expiresIn: 120,
            signUpOnVerification: {
                getTempEmail: (phone) => `${phone.slice(1)}@phone.invalid`,
                getTempName: (phone) => phone,
            },
        }),
    ],
});

if (process.argv[2] === "migrate") {
    const { runMigrations } = await getMigrations(auth.options);
    await runMigrations();
    process.exit(0);
} else if (cluster.isPrimary) {
    for (let index = 0; index < PROCESSES; index += 1) cluster.fork();
    // One that dies ends them all: half of a service would be measured otherwise.
    cluster.on("exit", () => process.exit(1));
} else {
    createServer(toNodeHandler(auth)).listen(Number(PORT), "127.0.0.1");
}
