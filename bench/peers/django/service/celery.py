"""The worker: it makes the calls of the gateway."""

import os

import requests
from celery import Celery

app = Celery("service")
app.config_from_object("django.conf:settings", namespace="CELERY")

# Each process of the worker keeps its connection to the gateway.
gateway = requests.Session()
gateway.trust_env = False


@app.task(
    autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=3
)
def send_code(phone_number: str, code: str) -> None:
    answer = gateway.post(
        f"{os.environ['GATEWAY_URL']}/v1/AB12/verify/lookup.json",
        data={
            "receptor": phone_number.replace("+98", "0", 1),
            "template": "ramz-otp",
            "token": code,
            "type": "sms",
        },
        timeout=6,
    )
    answer.raise_for_status()
