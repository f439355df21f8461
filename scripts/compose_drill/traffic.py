"""Clients of the API: one that signs in, and many that ask for codes."""

import base64
import http.client
import itertools
import json
import random
import subprocess
import tempfile
import threading
import time
from pathlib import Path


# The share of requests that may find the API busy.
BUSY = 0.02


def call(port, method, path, body=None, headers=None, timeout=10):
    """One request to a published port; returns the status and the decoded answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text


def some_address():
    """An address of a client, as a reverse proxy would tell it."""
    return {"X-Forwarded-For": f"198.51.{random.randrange(100)}.{random.randrange(1, 255)}"}


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def token_is_signed_by(token, keys):
    """Checks an EdDSA token against a JWKS by openssl; returns what it claims, or nothing."""
    head, claims, signature = token.split(".")
    kid = json.loads(unbase64(head))["kid"]
    key = next((key for key in keys if key["kid"] == kid and key.get("crv") == "Ed25519"), None)
    if key is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = {name: Path(folder) / name for name in ("key", "text", "signature")}
        # RFC 8410: the head of an Ed25519 public key, then its 32 bytes.
        file["key"].write_bytes(bytes.fromhex("302a300506032b6570032100") + unbase64(key["x"]))
        file["text"].write_text(f"{head}.{claims}")
        file["signature"].write_bytes(unbase64(signature))
        verified = subprocess.run(
            [
                "openssl",
                "pkeyutl",
                "-verify",
                "-pubin",
                "-keyform",
                "DER",
                "-inkey",
                file["key"],
                "-rawin",
                "-in",
                file["text"],
                "-sigfile",
                file["signature"],
            ],
            capture_output=True,
        )
    return json.loads(unbase64(claims)) if verified.returncode == 0 else None


class Load:
    """Asks for codes at a steady rate, each for a number of its own, until it is stopped.

    A refused connection is tried again, as clients do. A connection that breaks later, and a 503,
    leave open whether the request was written down."""

    CLIENTS = 8

    def __init__(self, port, first_number, rate):
        self.port = port
        self.numbers = itertools.count(first_number)
        self.pause = self.CLIENTS / rate
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.accepted, self.unsure, self.refused = [], [], {}
        self.retries = 0
        self.busy = 0
        self.threads = [threading.Thread(target=self.client) for _ in range(self.CLIENTS)]
        for thread in self.threads:
            thread.start()

    def client(self):
        while not self.stopped.is_set():
            began = time.monotonic()
            with self.lock:
                number = f"0912{next(self.numbers):07}"
            self.ask(number)
            self.stopped.wait(max(0, self.pause - (time.monotonic() - began)))

    def ask(self, number):
        for _ in range(600):
            try:
                status, _ = call(
                    self.port, "POST", "/api/v1/usr/otp", {"phone_number": number}, some_address()
                )
            except ConnectionRefusedError:
                with self.lock:
                    self.retries += 1
                time.sleep(0.1)
                continue
            except (OSError, http.client.HTTPException):
                with self.lock:
                    self.unsure.append(number)
                return
            with self.lock:
                if status == 202:
                    self.accepted.append(number)
                elif status == 503:
                    self.busy += 1
                    self.unsure.append(number)
                else:
                    self.refused[status] = self.refused.get(status, 0) + 1
            return
        with self.lock:
            self.refused["unreachable"] = self.refused.get("unreachable", 0) + 1

    def faults(self):
        """What should not have been answered. A machine that is busy with other things makes the
        API answer 503 now and then."""
        faults = dict(self.refused)
        if self.busy > BUSY * len(self.accepted):
            faults[503] = self.busy
        return faults

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        return self
