"""Does somebody guess codes or passwords, or make us send?"""

from .frame import board
from .panels import PLAIN, high, low, series, stat

REFUSED = 'ramz_limit_refused_total{rule!~"breaker_open|queue_.+"}'
WAYS_IN = '{method="POST",route=~"/api/v1/usr/(otp|otp/verify|login)"}'

NOW = [
    stat("Failed codes, 1 h", "Does somebody guess codes?",
         "From 2,000 an hour on, if it is a fifth of all tries: RamzFailedVerifications.",
         "ramz:otp_failed:increase1h", "short", high(500, 2000), decimals=0),
    stat("Failed passwords, 1 h", "Does somebody try passwords?",
         "From 2,000 an hour on: RamzFailedPasswords. Owners still get in by a code.",
         "ramz:password_failed:increase1h", "short", high(500, 2000), decimals=0),
    stat("Messages for a sign-in, 1 h", "How many messages are paid for one sign-in?",
         "1.2 is usual; above 4 somebody may be making us send: RamzSmsPumping.",
         "ramz:otp_sends_per_verified:ratio1h", "none", high(2, 4), decimals=1),
    stat("Asked and signed in, 30 min", "Of those who ask for a code, how many get in?",
         "A fall with more requests than usual is abuse; without, delivery.",
         "ramz:otp_conversion:ratio30m", "percentunit", low(0.3, 0.5), decimals=0),
    stat("Refused by limits, 15 min", "Which share of the ways in do limits refuse?",
         "Above 20 %: by rule below; are all clients one address (TRUSTED_PROXIES)?",
         f"sum(increase({REFUSED}[15m])) / (sum(increase(http_requests_total{WAYS_IN}[15m])) > 0)",
         "percentunit", high(0.05, 0.2), decimals=1),
    stat("Spent, 1 h", "What do the messages cost now?",
         "Far above the usual at this hour: see the messages for a sign-in.",
         "sum(increase(ramz_sms_cost_rials_total[1h]))", "currency:IRR ", PLAIN, decimals=0),
]

SENDING = [
    series("Messages an hour", "Are more messages asked for than usual?",
           "Twice the usual with few sign-ins is SMS pumping.",
           [("ramz:otp_sent:increase1h", "now"), ("ramz:otp_sent:increase1h_usual", "usual")],
           "short"),
    series("Messages for a sign-in", "How many messages are paid for one sign-in?",
           "It rises when messages do not arrive, too: compare with the share that arrives.",
           [("ramz:otp_sends_per_verified:ratio1h", "messages")], "none", steps=high(2, 4),
           board="ramz-gateway-and-delivery"),
    series("Of those who ask, how many get in", "Is the conversion what it is at this hour?",
           "Far below: RamzConversionDropped.",
           [("ramz:otp_conversion:ratio30m", "now"),
            ("ramz:otp_conversion:ratio30m_usual", "usual at this hour")], "percentunit", top=1,
           steps=low(0.2, 0.2)),
    series("Requests for a code", "How do requests for a code end?",
           "limited: the limits hold; invalid: numbers that are none, or of other countries.",
           [("sum by (result) (rate(ramz_otp_requests_total[$__rate_interval]))", "{{result}}")],
           "reqps", stack=True),
]

LIMITS = [
    series("Refused by limits", "Which limit refuses?",
           "phone_…: one number is pestered; address: one network; failures_…: guesses.",
           [(f"sum by (rule) (rate({REFUSED}[$__rate_interval]))", "{{rule}}")], "reqps",
           stack=True),
    series("Refused for our trouble", "Who is refused for another reason than a limit?",
           "breaker_open, queue_full, queue_slow: not abuse; see the overview.",
           [('sum by (rule) (rate(ramz_limit_refused_total{rule=~"breaker_open|queue_.+"}'
             "[$__rate_interval]))", "{{rule}}")], "reqps", stack=True, board="ramz-overview"),
]

GUESSES = [
    series("Failed codes, by the hour", "Does somebody guess codes?",
           "The line is where the alert begins. Each phone is bounded to 60 guesses a day.",
           [("ramz:otp_failed:increase1h", "failed within an hour")], "short", steps=high(2000, 2000)),
    series("Codes given back", "How do verifications end?",
           "wrong and exhausted: guesses at known sessions; unknown: at none; expired: late messages.",
           [("sum by (result) (rate(ramz_otp_verifications_total[$__rate_interval]))",
             "{{result}}")], "reqps", stack=True),
    series("Log-ins with a password", "How do log-ins end?",
           "wrong: guesses; limited: locks hold; blocked: users that you have blocked.",
           [("sum by (result) (rate(ramz_password_logins_total[$__rate_interval]))",
             "{{result}}")], "reqps", stack=True),
    series("Locks", "How many tries do locks refuse?",
           "failures_phone: numbers that are locked; failures_address: networks that are slowed.",
           [('sum by (rule) (increase(ramz_limit_refused_total{rule=~"failures_.+"}'
             "[$__rate_interval]))", "{{rule}}")], "short"),
    series("Refresh tokens that came back", "Are tokens stolen?",
           "Each reused one ended its session; many at once: a client that stores tokens wrongly.",
           [('sum(increase(ramz_token_refreshes_total{result="reused"}[$__rate_interval]))',
             "reused"),
            ('sum(increase(ramz_token_refreshes_total{result="refused"}[$__rate_interval]))',
             "refused")], "short"),
    series("Refusals by status", "What do clients get that are refused?",
           "404 on unmatched: scanners; 403: pages of other sites; 422: broken clients.",
           [('sum by (status) (rate(http_requests_total{job=~"ramz-.+",status=~"4.."}'
             "[$__rate_interval]))", "{{status}}")], "reqps", stack=True, board="ramz-api"),
]

BOARD = board(
    "ramz-abuse", "Ramz: abuse", "Does somebody guess codes or passwords, or make us send?",
    [("Now", NOW), ("Does somebody make us send?", SENDING), ("Limits", LIMITS),
     ("Does somebody guess?", GUESSES)],
    span="now-6h",
)
