// Drives the official Node client, unmodified, against the simulator.
//
// Reads one JSON list of calls ([method, parameters]) from standard input and writes one JSON list of
// outcomes: { entries, status, message } as the client's callback gets them.
//
// Only the way to the host is changed: connections to api.kavenegar.com:80, where this client always
// goes, are opened to the simulator's port.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const net = require("node:net");

http.globalAgent.createConnection = (options, connected) => {
  if (options.host !== "api.kavenegar.com" || String(options.port) !== "80") {
    throw new Error(`unexpected destination ${options.host}:${options.port}`);
  }
  return net.createConnection({ host: "127.0.0.1", port: Number(process.env.SIMULATOR_PORT) }, connected);
};

const kavenegar = require(`${process.env.CLIENTS}/node_modules/kavenegar`);
const client = kavenegar.KavenegarApi({ apikey: process.env.SIMULATOR_KEY });

const outcome = (method, parameters) =>
  new Promise((resolve) => {
    client[method](parameters, (entries, status, message) => resolve({ entries, status, message }));
  });

(async () => {
  const outcomes = [];
  for (const [method, parameters] of JSON.parse(fs.readFileSync(0, "utf8"))) {
    outcomes.push(await outcome(method, parameters));
  }
  process.stdout.write(JSON.stringify(outcomes));
})();
