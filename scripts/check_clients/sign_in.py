"""Signs in with the generated Python client. Usage: sign_in.py API-URL INBOX-URL NUMBER"""

import json
import sys
import time
import urllib.request

import openapi_client
from openapi_client import AccountApi, CodeRequest, RefreshRequest, SessionsApi, SignInApi, Verification

api, inbox, number = sys.argv[1:]


def code():
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(200):
        with opener.open(f"{inbox}/_sim/messages?receptor={number}&limit=1", timeout=10) as answer:
            found = json.load(answer)
        if found and found[0]["code"]:
            return found[0]["code"]
        time.sleep(0.05)
    raise SystemExit("no message has arrived")


settings = openapi_client.Configuration(host=api)
with openapi_client.ApiClient(settings) as client:
    sign_in = SignInApi(client)
    sent = sign_in.request_code(CodeRequest(phone_number=number))
    verification = Verification(session_id=sent.session_id, code=code())
    tokens = sign_in.verify_code(verification)
    settings.access_token = tokens.access_token
    me = AccountApi(client).show_profile()
    assert me.phone_number == "+98" + number[1:], me
    request = RefreshRequest(refresh_token=tokens.refresh_token)
    refreshed = SessionsApi(client).refresh_tokens(refresh_request=request)
    settings.access_token = refreshed.access_token
    assert AccountApi(client).show_profile().id == me.id
    try:
        sign_in.verify_code(Verification(phone_number=number, code="000000"))
    except openapi_client.ApiException as error:
        assert json.loads(error.body)["code"] == "code_wrong", error.body
    else:
        raise SystemExit("a wrong code was taken")
print(f"Python: signed in as {me.phone_number}")
