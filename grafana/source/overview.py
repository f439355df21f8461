"""For the person on call: is sign-in working, do messages leave, is money left, what is slow?"""

from .frame import board
from .panels import GREEN, PLAIN, RED, high, low, quantiles, series, stat, table

SENT = 'ramz_otp_requests_total{result="sent"}'
VERIFIED = 'ramz_otp_verifications_total{result="verified"}'

SIGN_IN = [
    stat("API", "How many processes of the API answer Prometheus?",
         "None: nobody gets in; start it, its log says why it ended (RamzApiDown).",
         'count(up{job="ramz-api"} == 1) or vector(0)', "none", low(1, 1), decimals=0,
         words={0: ("NONE", RED)}, board="ramz-api"),
    stat("Codes promised", "How many requests for a code get a 202?",
         "None at a busy hour: look at 5xx beside it and at Alerts below.",
         f"60 * sum(rate({SENT}[$__rate_interval]))", "reqpm", PLAIN, decimals=1, board="ramz-api"),
    stat("Sign-ins", "How many codes are given back right?",
         "Far fewer than codes promised: do messages arrive (Gateway and delivery)?",
         f"60 * sum(rate({VERIFIED}[$__rate_interval]))", "reqpm", PLAIN, decimals=1,
         board="ramz-abuse"),
    stat("Asked and signed in, 30 min", "Of those who asked for a code, how many got in?",
         "Below the usual: messages do not arrive, or somebody asks for codes that nobody wants.",
         "ramz:otp_conversion:ratio30m", "percentunit", low(0.3, 0.5), decimals=0,
         board="ramz-abuse"),
    stat("Failed requests, 5 min", "Which share of the requests ends with 5xx?",
         "Above 0.1 % the error budget shrinks: the board of the API tells the routes.",
         "ramz:http_errors:ratio_rate5m", "percentunit", high(0.001, 0.01), decimals=2,
         board="ramz-api"),
    stat("Stores", "Does every process reach Redis and PostgreSQL?",
         "If not: the board of the API says which process misses which store.",
         "min(ramz_store_up)", "bool", low(1, 1), words={0: ("AWAY", RED), 1: ("up", GREEN)},
         idle="not known", board="ramz-api"),
]

SENDING = [
    stat("Messages leave", "How many messages does the gateway take?",
         "None while codes are promised: look at the breaker, the workers and the queue beside it.",
         'sum(rate(ramz_sms_total{outcome="accepted"}[$__rate_interval]))', "mps", PLAIN, decimals=2,
         board="ramz-gateway-and-delivery"),
    stat("Oldest message", "How long has the oldest message waited?",
         "From 40 s on (a third of a code's life) requests get 503: are there workers, is the "
         "gateway slow?",
         "max(ramz_queue_oldest_age_seconds)", "s", high(5, 25), idle="not known", decimals=0,
         board="ramz-worker-and-queue"),
    stat("Waiting messages", "How many messages wait for a worker?",
         "A number that only grows: more workers, or a gateway that is slow.",
         "max(ramz_queue_depth)", "short", high(1000, 10000), idle="not known",
         board="ramz-worker-and-queue"),
    stat("Workers", "How many workers take messages, as the queue sees them?",
         "None: start one; their logs say why they ended.",
         "max(ramz_queue_consumers)", "none", low(1, 1), idle="not known", decimals=0,
         board="ramz-worker-and-queue"),
    stat("Breaker", "Does the gateway refuse everything?",
         "OPEN: credit, key or address; the log of the workers has the code.",
         "max(ramz_gateway_breaker_open)", "bool", high(1, 1),
         words={0: ("closed", GREEN), 1: ("OPEN", RED)}, idle="not known",
         board="ramz-gateway-and-delivery"),
    stat("Messages lost, 15 min", "Which share was refused, given up or is of unknown fate?",
         "Gateway and delivery has the reasons by code and class.",
         'sum(increase(ramz_sms_total{outcome=~"refused|unknown|expired|dead"}[15m]))'
         ' / (sum(increase(ramz_sms_total[15m])) > 0)',
         "percentunit", high(0.01, 0.05), decimals=1, board="ramz-gateway-and-delivery"),
]

MONEY = [
    stat("Credit", "How much money is left at the gateway?",
         "Below half a million rials (about 200 messages) recharge at once.",
         "ramz:gateway_credit_rials:min", "currency:IRR ", low(500_000, 2_000_000),
         idle="not known", board="ramz-gateway-and-delivery"),
    stat("Credit lasts", "For how many days, at the pace of late?",
         "Below a week plan the recharge, below two days do it now.",
         "ramz:gateway_credit_days_left:min", "d", low(2, 7), idle="not known", decimals=0,
         board="ramz-gateway-and-delivery"),
    stat("Spent, 24 h", "What did messages cost within a day?",
         "Far more than usual: somebody may be making us send (Abuse).",
         "sum(increase(ramz_sms_cost_rials_total[24h]))", "currency:IRR ", PLAIN, decimals=0,
         board="ramz-abuse"),
    stat("Key", "Does the gateway take our key?",
         "If not: a new key to the workers, see the runbook RamzKeyInvalid.",
         "min(ramz_gateway_key_valid)", "bool", low(1, 1),
         words={0: ("REFUSED", RED), 1: ("valid", GREEN)}, idle="not known",
         board="ramz-gateway-and-delivery"),
    stat("Debug mode", "Does the account only pretend to send?",
         "ON: nothing reaches anybody; switch debugmode off in the panel of Kavenegar.",
         "max(ramz_gateway_debugmode)", "bool", high(1, 1),
         words={0: ("off", GREEN), 1: ("ON", RED)}, idle="not known",
         board="ramz-gateway-and-delivery"),
    stat("Alerts", "How many alerts fire?",
         "Each is in the table below and has a section in docs/runbooks.md.",
         'count(ALERTS{alertstate="firing",alertname=~"Ramz.+"}) or vector(0)', "none", high(1, 1),
         decimals=0),
]

TREND = [
    series("Asked and signed in", "Do sign-ins go as yesterday at this hour?",
           "Two lines that part: codes are promised and do not arrive, or are not wanted.",
           [(f"60 * sum(rate({SENT}[$__rate_interval]))", "codes promised"),
            (f"60 * sum(rate({VERIFIED}[$__rate_interval]))", "signed in"),
            ("ramz:otp_sent:increase1h_usual / 60", "codes promised, usual")], "reqpm",
           board="ramz-abuse"),
    series("Of those who ask, how many get in", "Is the conversion what it is at this hour?",
           "A fall with a steady number of requests: delivery. With more requests: abuse.",
           [("ramz:otp_conversion:ratio30m", "now"),
            ("ramz:otp_conversion:ratio30m_usual", "usual at this hour")], "percentunit", top=1,
           steps=low(0.2, 0.2), board="ramz-abuse"),
    series("What became of messages", "Do messages leave, and how do the others end?",
           "refused: a setting or a number; not_sent: tried again; unknown: looked for; expired and "
           "dead: nobody gets them.",
           [("sum by (outcome) (rate(ramz_sms_total[$__rate_interval]))", "{{outcome}}")], "mps",
           stack=True, board="ramz-gateway-and-delivery"),
    table("Alerts that fire", "What is wrong, as the alerts see it?",
          "The name of the alert is a heading in docs/runbooks.md.",
          'ALERTS{alertstate="firing",alertname=~"Ramz.+"}', "none",
          hide=("alertstate", "Value"), idle="nothing fires"),
]


ROUTES = '{job=~"ramz-.+",route!="unmatched"}'

SLOW = [
    series("Answers by route, p99", "Which route is slow?",
           "The code of a request takes milliseconds; passwords are slow on purpose.",
           quantiles("http_request_duration_seconds", [99], labels=ROUTES, by="route", name="{{route}}"),
           "s",
           board="ramz-api"),
    series("Answers by route, p50", "Which route is slow for everybody?",
           "A p50 that rises with the p99: a store or the machine; alone the p99: single requests.",
           quantiles("http_request_duration_seconds", [50], labels=ROUTES, by="route", name="{{route}}"),
           "s",
           board="ramz-api"),
    series("From the request to the gateway", "How long does a message wait with us?",
           "Milliseconds when all is well. Seconds: the queue, the rate of the gateway, retries.",
           quantiles("ramz_sms_delay_seconds", [50, 99]), "s", steps=high(1, 10), width=8,
           board="ramz-worker-and-queue"),
    series("The gateway's answer", "How long does a call of the gateway take?",
           "0.2 s is usual, 6 s is the limit. Slow: nothing to do but wait, and more workers.",
           quantiles("ramz_gateway_request_seconds", [50, 99]), "s", steps=high(1, 3), width=8,
           board="ramz-gateway-and-delivery"),
    series("From the request to the sign-in", "How long do people take, messages included?",
           "Grows when messages are late: which operator, says Gateway and delivery.",
           quantiles("ramz_time_to_verified_seconds", [50, 99]), "s", steps=high(60, 120), width=8,
           board="ramz-gateway-and-delivery"),
]

BOARD = board(
    "ramz-overview", "Ramz: overview",
    "For the person on call. Green on top means that people sign in.",
    [("Is sign-in working?", SIGN_IN), ("Do messages leave?", SENDING), ("Is money left?", MONEY),
     ("How is it going?", TREND), ("What is slow?", SLOW)],
)
