"""The gateway, its account, and what the operators do with the messages."""

from .frame import board
from .panels import GREEN, RED, high, low, quantiles, series, stat

SENDING = '{method=~"verify/lookup|sms/send"}'
FINAL = 'ramz_delivery_total{status!="handed_over"}'

NOW = [
    stat("Breaker", "Does the gateway refuse everything?",
         "OPEN: credit, key or address; the log of the workers has the code.",
         "max(ramz_gateway_breaker_open)", "bool", high(1, 1),
         words={0: ("closed", GREEN), 1: ("OPEN", RED)}, idle="not known"),
    stat("Failed calls, 10 min", "Which share of the calls did the gateway not accept?",
         "The classes and codes are below.",
         "sum(ramz:gateway_errors:increase10m) / (sum(ramz:gateway_requests:increase10m) > 0)",
         "percentunit", high(0.02, 0.1), decimals=1),
    stat("A message, p99", "How long does the gateway take for a message?",
         "0.2 s is usual; a call is given up after 6 s.", "ramz:gateway_send_seconds:p99_10m", "s",
         high(1, 3), decimals=2),
    stat("Arrived, 30 min", "Which share of the messages arrives?",
         "Low for one operator only: its trouble; for all: the line or the gateway.",
         'sum(increase(ramz_delivery_total{status="delivered"}[30m]))'
         f" / (sum(increase({FINAL}[30m])) > 0)", "percentunit", low(0.7, 0.9), decimals=0,
         idle="not known"),
    stat("Credit lasts", "For how many days, at the pace of late?",
         "Below a week plan the recharge, below two days do it now.",
         "ramz:gateway_credit_days_left:min", "d", low(2, 7), decimals=0, idle="not known"),
    stat("Account seen", "How old is what we know of the account?",
         "It is looked at every five minutes; old: the gateway cannot be asked.",
         "time() - max(ramz_gateway_account_seen_seconds)", "s", high(600, 1800), decimals=0,
         idle="never"),
]

CALLS = [
    series("Calls", "What is the gateway asked?",
           "sms/status asks for deliveries; the look-ups after a lost answer are statusby….",
           [("sum by (method) (rate(ramz_gateway_requests_total[$__rate_interval]))",
             "{{method}}")], "reqps"),
    series("Answers", "What does the gateway answer?",
           "200 is good, none is no answer; the others are in the runbooks of the gateway.",
           [("sum by (status) (rate(ramz_gateway_requests_total[$__rate_interval]))",
             "{{status}}")], "reqps", stack=True),
    series("Errors by class", "Who can mend it?",
           "account: credit, key; refused_config: a template or sender; busy, slow_down: wait; "
           "timeout, reset: the way to the gateway.",
           [("sum by (class, code) (increase(ramz_gateway_errors_total[$__rate_interval]))",
             "{{class}} {{code}}")], "short", idle="no errors"),
    series("Errors by kind, 10 min", "Is it the account, a setting, the moment, or the network?",
           "account, config, transient, unclear: their runbooks RamzGateway…Errors; message: a number "
           "or text; question: an answer about deliveries or the account.",
           [("ramz:gateway_errors:increase10m", "{{kind}}")], "short", stack=True,
           idle="no errors"),
    series("Time of a message", "Is the gateway slow?",
           "At 6 s a call is given up, and its message has to be looked for.",
           quantiles("ramz_gateway_request_seconds", [50, 90, 99], labels=SENDING), "s",
           steps=high(1, 3)),
    series("Time by method, p99", "Is one of its methods slow?",
           "Looks may be slow without harm; verify/lookup and sms/send may not.",
           quantiles("ramz_gateway_request_seconds", [99], by="method", name="{{method}}"), "s"),
    series("Breaker over time", "When did the gateway refuse everything?",
           "Opened again and again: a cause that account/info does not see.",
           [("max(ramz_gateway_breaker_open)", "open"),
            ("sum(increase(ramz_gateway_breaker_opened_total[$__rate_interval]))", "opened")],
           "none", steps_shape=True, idle="not known"),
]

ACCOUNT = [
    series("Credit", "When is the money gone?",
           "A step up is a recharge; a steeper fall is more messages (Abuse).",
           [("ramz:gateway_credit_rials:min", "credit")], "currency:IRR ",
           steps=low(500_000, 500_000), width=8, idle="not known"),
    series("Days of credit", "For how many days?", "Below seven a ticket, below two a page.",
           [("ramz:gateway_credit_days_left:min", "days")], "d", steps=low(2, 7), width=8,
           idle="not known"),
    series("Cost", "What do messages cost an hour?",
           "Far above the usual: somebody may be making us send (Abuse).",
           [("sum(increase(ramz_sms_cost_rials_total[1h]))", "within an hour")], "currency:IRR ",
           width=8),
    stat("Key", "Does the gateway take our key?", "If not: the runbook RamzKeyInvalid.",
         "min(ramz_gateway_key_valid)", "bool", low(1, 1),
         words={0: ("REFUSED", RED), 1: ("valid", GREEN)}, width=6, idle="not known"),
    stat("Key expires", "When does the access end, if the gateway says so?",
         "A date in the panel of Kavenegar; renew it there.",
         "min(ramz_gateway_key_expires_seconds) - time()", "s", low(2 * 86400, 14 * 86400), width=6,
         idle="no date"),
    stat("Debug mode", "Does the account only pretend to send?",
         "ON: switch debugmode off in the panel of Kavenegar.", "max(ramz_gateway_debugmode)",
         "bool", high(1, 1), words={0: ("off", GREEN), 1: ("ON", RED)}, width=6, idle="not known"),
    stat("Resends by itself", "Does the gateway repeat undelivered messages?",
         "ON: old codes arrive late; switch resendfailed off in the panel.",
         "max(ramz_gateway_resendfailed)", "bool", high(1, 1),
         words={0: ("off", GREEN), 1: ("ON", RED)}, width=6, idle="not known"),
]

DELIVERY = [
    series("What becomes of messages", "Do accepted messages arrive?",
           "undelivered: phones that are off; blocked: receivers who opted out; failed: the line.",
           [(f"sum by (status) (rate({FINAL}[$__rate_interval]))", "{{status}}")], "mps",
           stack=True),
    series("Share that arrives, by operator", "Does one operator have trouble?",
           "One falls: the operator; all fall: the gateway or our line. Tell the gateway.",
           [("ramz:delivery:ratio30m", "{{operator}}"),
            ("ramz:delivery:ratio30m_usual", "{{operator}}, usual")], "percentunit", top=1),
    series("Time to arrive, p90", "Is one operator slow?",
           "An upper bound: the gateway is asked after 10 s, 30 s, 2 min… unless it reports itself.",
           [("ramz:delivery_seconds:p90_30m", "{{operator}}")], "s", steps=high(60, 120)),
    series("Not arrived, by operator", "Where do messages get lost?",
           "Compare with the share above: a busy operator has more of all.",
           [('sum by (operator, status) (increase(ramz_delivery_total{status=~'
             '"undelivered|failed|blocked|cancelled|unknown"}[$__rate_interval])) > 0',
             "{{operator}} {{status}}")], "short", idle="all arrived"),
    series("Questions that are overdue", "Are the figures of delivery up to date?",
           "Above a quarter of an hour they are behind: the gateway cannot be asked, or no worker "
           "has time.",
           [("max(ramz_delivery_overdue_seconds)", "oldest question")], "s", steps=high(300, 900),
           width=8, idle="not known"),
    series("Reports of the gateway", "Does the gateway report deliveries by itself?",
           "Only where the callback is set up. None at all: the address in the panel, the proxy.",
           [("sum by (result) (rate(ramz_delivery_callbacks_total[$__rate_interval]))",
             "{{result}}")], "reqps", width=8, idle="callback not set up"),
    series("From the request to the sign-in, p90", "How long do people take, by operator?",
           "Longer for one operator: its messages are late.",
           quantiles("ramz_time_to_verified_seconds", [90], by="operator", name="{{operator}}"),
           "s", width=8),
]

BOARD = board(
    "ramz-gateway-and-delivery", "Ramz: gateway and delivery",
    "Does the gateway take our messages, is it paid, and do they arrive?",
    [("Now", NOW), ("Calls of the gateway", CALLS), ("Account", ACCOUNT), ("Delivery", DELIVERY)],
    span="now-6h",
)
