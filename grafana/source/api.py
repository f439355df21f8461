"""The HTTP face: what is asked, how it is answered, how fast, and what the processes need."""

from .frame import board, instances
from .panels import GREEN, PLAIN, RED, heat, high, low, quantiles, series, stat, table
from .processes import HERE, spans_of_traces

WORK = HERE + ',route!~"/livez|/readyz|unmatched"'
OTP = HERE + ',method="POST",route="/api/v1/usr/otp"'

NOW = [
    stat("Processes", "How many processes answer Prometheus?", "Fewer than you started: their logs.",
         f"count(up{{{HERE}}} == 1) or vector(0)", "none", low(1, 1), decimals=0,
         words={0: ("NONE", RED)}),
    stat("Requests", "How much is asked?", "Far more than usual: Abuse.",
         f"sum(rate(http_requests_total{{{WORK}}}[$__rate_interval]))", "reqps", PLAIN, decimals=1),
    stat("Failed", "Which share ends with 5xx?", "The routes and codes are below.",
         f'(sum(rate(http_requests_total{{{WORK},status=~"5.."}}[$__rate_interval])) or vector(0))'
         f" / (sum(rate(http_requests_total{{{WORK}}}[$__rate_interval])) > 0)",
         "percentunit", high(0.001, 0.01), decimals=2),
    stat("A code, p99", "How long does a request for a code take?",
         "Above 0.25 s: Redis, or a machine that is full.",
         quantiles("http_request_duration_seconds", [99], labels=f"{{{OTP}}}")[0][0], "s",
         high(0.1, 0.25), decimals=3),
    stat("Being answered", "How many requests are open now?",
         "Grows without more requests: a store is slow.",
         f"sum(http_requests_in_flight{{{HERE}}})", "none", high(200, 1000), idle="not known"),
    stat("Stores", "Do these processes reach their stores?", "If not: see the line of each below.",
         f"min(ramz_store_up{{{HERE}}})", "bool", low(1, 1),
         words={0: ("AWAY", RED), 1: ("up", GREEN)}, idle="not known"),
]

ASKED = [
    series("Requests by route", "What is asked?", "A route that jumps: Abuse.",
           [(f"sum by (route) (rate(http_requests_total{{{HERE}}}[$__rate_interval]))",
             "{{route}}")], "reqps"),
    series("Answers by status", "How is it answered?",
           "429: limits (Abuse). 503: breaker, queue or a store. 500: a defect, look for the request "
           "id in the log.",
           [(f"sum by (status) (rate(http_requests_total{{{HERE}}}[$__rate_interval]))",
             "{{status}}")], "reqps", stack=True),
    series("Failures by route", "Where do 5xx come from?",
           "503 on the two routes of codes only: breaker or queue; everywhere: a store.",
           [(f'sum by (route, status) (rate(http_requests_total{{{HERE},status=~"5.."}}'
             "[$__rate_interval]))", "{{route}} {{status}}")], "reqps", idle="no failures"),
    series("Error budget", "How fast is the budget of 99.9 % used up, over several windows?",
           "1 is as fast as allowed. A page goes out at 14.4 (1 h) and 6 (6 h).",
           [(f"ramz:http_errors:ratio_rate{window} / 0.001", window)
            for window in ("1h", "6h", "1d", "3d")], "none", steps=high(1, 14.4)),
]

RESULTS = [
    series("Requests for a code", "How do requests for a code end?",
           "unavailable: breaker, queue or a store; limited: Abuse; cooldown: people are impatient, "
           "are messages late?",
           [(f"sum by (result) (rate(ramz_otp_requests_total{{{HERE}}}[$__rate_interval]))",
             "{{result}}")], "reqps", stack=True),
    series("Codes given back", "How do verifications end?",
           "expired: messages are late; wrong, exhausted, unknown: guesses (Abuse); unavailable: "
           "PostgreSQL or Redis.",
           [(f"sum by (result) (rate(ramz_otp_verifications_total{{{HERE}}}[$__rate_interval]))",
             "{{result}}")], "reqps", stack=True),
    series("Log-ins with a password", "How do log-ins end?",
           "busy: more hashing than the machine can do; wrong and limited: Abuse.",
           [(f"sum by (result) (rate(ramz_password_logins_total{{{HERE}}}[$__rate_interval]))",
             "{{result}}")], "reqps", stack=True),
    series("Sessions renewed", "How do refreshes end?",
           "reused: a token came back after its use, the session was ended; repeated: lost answers.",
           [(f"sum by (result) (rate(ramz_token_refreshes_total{{{HERE}}}[$__rate_interval]))",
             "{{result}}")], "reqps", stack=True),
]

SPEED = [
    series("p50 by route", "Which route is slow for everybody?", "All of them: a store or the machine.",
           quantiles("http_request_duration_seconds", [50], labels=f"{{{WORK}}}", by="route",
                     name="{{route}}"), "s"),
    series("p99 by route", "Which route is slow at times?",
           "Passwords take long on purpose; the others should not.",
           quantiles("http_request_duration_seconds", [99], labels=f"{{{WORK}}}", by="route",
                     name="{{route}}"), "s"),
    series("A request for a code", "How fast is the hot route?",
           "One step in Redis: milliseconds. The alert RamzSlow begins at 0.25 s.",
           quantiles("http_request_duration_seconds", [50, 90, 99], labels=f"{{{OTP}}}"), "s",
           steps=high(0.1, 0.25)),
    heat("A request for a code, spread", "Is there one group of slow answers, or are all slower?",
         "A second band far above the first: something times out for some of them.",
         f"sum by (le) (increase(http_request_duration_seconds_bucket{{{OTP}}}[$__rate_interval]))",
         "s"),
]

PROCESSES = [
    series("Stores by process", "Which process misses which store?",
           "One process: its network. All: the store.",
           [(f"ramz_store_up{{{HERE}}}", "{{instance}} {{store}}")], "bool", steps_shape=True, top=1,
           width=8, idle="not known"),
    series("Room", "How much room is left for new requests?",
           "At 0.9 of Redis they are refused until there is room: raise maxmemory.",
           [(f"ramz_store_used_ratio{{{HERE}}}", "{{instance}} {{store}}")], "percentunit", width=8,
           idle="not known"),
    series("Connections to the records", "Are there enough connections to the database?",
           "All used for a while: requests wait. PostgreSQL is slow, or the pool is small.",
           [(f'sum by (instance) (ramz_database_connections{{{HERE},state="used"}})',
             "{{instance}} used"),
            (f"ramz_database_connections_max{{{HERE}}}", "{{instance}} most")], "none", width=8,
           idle="not known"),
    series("Connections and open requests", "How many clients are there?",
           "At HTTP_MAX_CONNECTIONS new connections wait.",
           [(f"http_connections_open{{{HERE}}}", "{{instance}} connections"),
            (f"http_requests_in_flight{{{HERE}}}", "{{instance}} being answered")], "none", width=8,
           idle="not known"),
    series("Processor", "How much of a core does each process use?",
           "At its limit: more processes. Hashing of passwords costs most.",
           [(f"rate(process_cpu_seconds_total{{{HERE}}}[$__rate_interval])", "{{instance}}")],
           "percentunit", width=8, idle="not known"),
    series("Memory", "How much memory does each process hold?",
           "Below 60 MB under load; one that only grows is a leak.",
           [(f"process_resident_memory_bytes{{{HERE}}}", "{{instance}}")], "bytes", width=8,
           idle="not known"),
    series("Open files", "How many files and connections are open?",
           "Near the limit of the system: fewer connections, or a higher limit.",
           [(f"process_open_fds{{{HERE}}} / process_max_fds{{{HERE}}}", "{{instance}}")],
           "percentunit", top=1, width=8, idle="not known"),
    table("Builds and starts", "Which version runs where?",
          "Two versions for longer than a deploy: it stands still.",
          "sum by (job, instance, binary, version, commit) (ramz_build_info)", "none", hide=("Value",)),
    series("Age of the processes", "Does something restart again and again?",
           "A line that keeps falling to zero: the log of that process says why it ends.",
           [(f"time() - process_start_time_seconds{{{HERE}}}", "{{instance}}")], "s",
           idle="not known"),
    spans_of_traces(),
]

BOARD = board(
    "ramz-api", "Ramz: API", "Requests, answers and the processes that give them.",
    [("Now", NOW), ("What is asked, how is it answered?", ASKED), ("How does it end?", RESULTS),
     ("How fast?", SPEED), ("Processes", PROCESSES)],
    variables=instances("ramz_otp_requests_total"),
)
