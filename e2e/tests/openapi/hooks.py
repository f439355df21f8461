"""What schemathesis must know of Ramz: how to sign in, and where live ids and codes come from.

Random requests alone would meet 401, 404 and wrong codes only. A part of them is therefore given
what a real client would have: a token, a session id with the code from the gateway's inbox, a
refresh token. Everything comes through the API itself and the simulator; no store is touched.
"""

import itertools
import os
import random
import threading
import time

import requests
import schemathesis

API = os.environ["RAMZ_URL"]
INBOX = os.environ["RAMZ_INBOX"]
PASSWORD = "correct horse battery staple 9"

numbers = itertools.count(int(os.environ.get("RAMZ_FIRST_NUMBER", "9120000000")))
lock = threading.Lock()


def new_number():
    with lock:
        return f"+98{next(numbers)}"


def post(path, body, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.post(API + path, json=body, headers=headers, timeout=10)


def code_for(number):
    """The last code that was sent to a number."""
    for _ in range(200):
        found = requests.get(
            f"{INBOX}/_sim/messages", params={"receptor": "0" + number[3:], "limit": 1}, timeout=10
        ).json()
        if found and found[0].get("code"):
            return found[0]["code"]
        time.sleep(0.02)
    raise RuntimeError("no message has arrived")


def asked(path, body, number, token=None):
    """Asks for a code; gives what its verification needs."""
    answer = post(path, body, token)
    answer.raise_for_status()
    return {"session_id": answer.json()["session_id"], "code": code_for(number)}


def sign_in():
    number = new_number()
    proof = asked("/api/v1/usr/otp", {"phone_number": number}, number)
    answer = post("/api/v1/usr/otp/verify", proof)
    answer.raise_for_status()
    return answer.json() | {"number": number}


def with_password():
    """A user who has a password."""
    user = sign_in()
    answer = post("/api/v1/usr/password", {"new_password": PASSWORD}, user["access_token"])
    answer.raise_for_status()
    return user


def step(name):
    """The session id of the step flow at a step."""
    number = new_number()
    proof = asked("/api/register/", {"mobile_number": number}, number)
    if name == "verify-otp":
        return proof
    session = post("/api/verify-otp/", proof).json()["session_id"]
    if name == "set-password":
        return {"session_id": session}
    body = {"session_id": session, "password": PASSWORD}
    return {"session_id": post("/api/set-password/", body).json()["session_id"]}


def reset():
    number = new_number()
    return asked("/api/v1/usr/password/reset", {"phone_number": number}, number)


def sign_in_code():
    number = new_number()
    return asked("/api/v1/usr/otp", {"phone_number": number}, number)


def log_in():
    return {"phone_number": with_password()["number"], "password": PASSWORD}


def step_log_in():
    return {"mobile_number": with_password()["number"], "password": PASSWORD}


# What a body is given, by path: members of a real client.
REAL = {
    "/api/v1/usr/otp/verify": sign_in_code,
    "/api/v1/usr/token/refresh": lambda: {"refresh_token": sign_in()["refresh_token"]},
    "/api/v1/usr/login": log_in,
    "/api/v1/usr/password/reset/verify": reset,
    "/api/verify-otp": lambda: step("verify-otp"),
    "/api/set-password": lambda: step("set-password"),
    "/api/user-info": lambda: step("user-info"),
    "/api/login": step_log_in,
}


def change_number(user):
    number = new_number()
    body = {"phone_number": number}
    return asked("/api/v1/usr/me/phone", body, number, user["access_token"])


# Calls of which one of two members is needed, which their schemas tell in words only, and the one
# that any number is good for.
NEEDS_ONE_OF = {
    "/api/v1/usr/otp": ("phone_number", "session_id"),
    "/api/v1/usr/otp/verify": ("phone_number", "session_id"),
    "/api/v1/usr/password/reset": ("phone_number", "session_id"),
    "/api/v1/usr/me/phone": ("phone_number", "session_id"),
    "/api/register": ("mobile_number", "session_id"),
    "/api/login": ("mobile_number", "session_id"),
}


# After these the token is spent, and a fresh sign-in is asked for by some.
SPENDS_ITS_SESSION = {
    ("DELETE", "/api/v1/usr/me"),
    ("POST", "/api/v1/usr/logout"),
    ("POST", "/api/v1/usr/password"),
    ("POST", "/api/v1/usr/me/phone/verify"),
}


@schemathesis.auth(refresh_interval=120)
class SignedIn:
    def get(self, case, context):
        return sign_in()

    def set(self, case, data, context):
        path = case.operation.path.rstrip("/")
        if (case.operation.method.upper(), path) in SPENDS_ITS_SESSION:
            data = sign_in()
            changes_number = path == "/api/v1/usr/me/phone/verify"
            if changes_number and is_positive(case) and is_object(case):
                case.body = case.body | change_number(data)
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data['access_token']}"


def is_object(case):
    return isinstance(case.body, dict)


def is_positive(case):
    return case.meta is None or case.meta.generation.mode.is_positive


@schemathesis.hook
def before_call(context, case, kwargs):
    # That a password is hard to guess cannot be said in a schema.
    path = case.operation.path.rstrip("/")
    if is_positive(case) and is_object(case):
        chosen = {"new_password"} | ({"password"} if path == "/api/set-password" else set())
        case.body = case.body | {name: PASSWORD for name in chosen & case.body.keys()}
    if path in NEEDS_ONE_OF and is_positive(case) and is_object(case):
        number, other = NEEDS_ONE_OF[path]
        if case.body.get(number) is None and case.body.get(other) is None:
            case.body = case.body | {number: new_number()}
    if path in REAL and is_positive(case) and is_object(case) and random.random() < 0.5:
        real = REAL[path]()
        # One way of naming the account is enough, and two would contradict each other.
        others = {"session_id", "phone_number", "mobile_number"} - real.keys()
        case.body = {k: v for k, v in case.body.items() if k not in others} | real
