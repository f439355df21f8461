"""Drives the official Python client, unmodified, against the simulator.

Reads one JSON list of calls ([method, parameters or null]) from standard input and writes one JSON
list of outcomes: {"entries": ...}, {"api_error": "..."} or {"http_error": "..."}.

Only the way to the host is changed: the name api.kavenegar.com leads to the simulator's https port.
The certificate is checked for that name as ever (REQUESTS_CA_BUNDLE names the authority).
"""

import json
import os
import socket
import sys

import kavenegar

HOST, PORT = "127.0.0.1", int(os.environ["SIMULATOR_TLS_PORT"])
resolve = socket.getaddrinfo


def resolve_to_simulator(host, port, *arguments, **options):
    if host == "api.kavenegar.com":
        host, port = HOST, PORT
    return resolve(host, port, *arguments, **options)


socket.getaddrinfo = resolve_to_simulator


def outcome(client, method, parameters):
    call = getattr(client, method)
    try:
        return {"entries": call() if parameters is None else call(parameters)}
    except kavenegar.APIException as error:
        return {"api_error": error.args[0].decode("utf-8")}
    except kavenegar.HTTPException as error:
        return {"http_error": str(error)}


calls = json.load(sys.stdin)
client = kavenegar.KavenegarAPI(os.environ["SIMULATOR_KEY"])
json.dump([outcome(client, method, parameters) for method, parameters in calls], sys.stdout)
