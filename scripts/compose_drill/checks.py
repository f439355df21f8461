"""What is looked at in running containers: what they may do, what they show, whom they reach."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from docker import run

OWN = ("api", "worker", "simulator")
# They do their work and end.
ONCE = ("roles", "migrate")


def service(container):
    return container["Config"]["Labels"]["com.docker.compose.service"]


def published_ports(project, report, ports):
    """NET-04, A-35: on loopback, and only these."""
    found = set()
    for container in project.inspect():
        for inside, bindings in container["NetworkSettings"]["Ports"].items():
            for binding in bindings or []:
                found.add((service(container), inside, binding["HostIp"], int(binding["HostPort"])))
    wanted = {(name, f"{inside}/tcp", "127.0.0.1", port) for name, inside, port in ports}
    note = ", ".join(f"{name} {host}:{port}" for name, _, host, port in sorted(found))
    report.check("A-35 only the intended ports are published, on loopback", found == wanted, note)


def hardening(project, report):
    wrong = []
    for container in project.inspect(every=True):
        name, host = service(container), container["HostConfig"]
        facts = {
            "not read-only": not host["ReadonlyRootfs"],
            "keeps capabilities": host["CapDrop"] != ["ALL"] or host["CapAdd"],
            "may gain privileges": "no-new-privileges:true" not in (host["SecurityOpt"] or []),
            "privileged": host["Privileged"],
            "no limit of memory": not host["Memory"],
            "no limit of processors": not host["NanoCpus"],
            "no limit of processes": not host["PidsLimit"],
            "log without end": not host["LogConfig"]["Config"].get("max-size"),
            "root": container["Config"]["User"].split(":")[0] in ("", "0", "root"),
            "not restarted": host["RestartPolicy"]["Name"]
            not in (("on-failure",) if name in ONCE else ("unless-stopped",)),
        }
        wrong += [f"{name}: {fact}" for fact, true in facts.items() if true]
    count = len({service(container) for container in project.inspect(every=True)})
    report.check(
        "every service is confined and limited",
        not wrong and count >= 8,
        ", ".join(wrong) or f"{count} services",
    )


def processes(project, report):
    """What the kernel says, not the configuration."""
    wrong, seen = [], 0
    containers = project.inspect()
    for container in containers:
        name = service(container)
        for pid in run("docker", "top", container["Id"], "-o", "pid").split()[1:]:
            try:
                status = open(f"/proc/{pid}/status").read()
            except OSError:
                continue
            seen += 1
            fields = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.M))
            if "0" in fields["Uid"].split():
                wrong.append(f"{name} runs as root")
            if int(fields["CapEff"], 16) or int(fields["CapBnd"], 16):
                wrong.append(f"{name} has capabilities")
            if fields["NoNewPrivs"] != "1":
                wrong.append(f"{name} may gain privileges")
    report.check(
        "no process is root or has a capability",
        not wrong and seen >= len(containers),
        ", ".join(sorted(set(wrong))) or f"{seen} processes",
    )


def files(project, report):
    """Nothing of an image can be changed, not even by tmpfs or volumes that were forgotten."""
    wrong = []
    for container in project.inspect():
        name = service(container)
        if name not in OWN:
            continue
        paths = f"/x /etc/x /home/x /run/secrets/x /tmp/x /var/tmp/x /usr/local/bin/{name}"
        script = f"for file in {paths}; do (: >>$file) 2>/dev/null && echo $file; done; true"
        output = project.execute(container["Id"], "sh", "-c", script)
        wrong += [f"{name} {path}" for path in output.split()]
    report.check("no file of an image can be written", not wrong, ", ".join(wrong))


def secrets(project, report, folder, tag):
    """SEC-01, A-37: a secret is nowhere but in its file."""
    needles = {}
    for file in sorted(folder.iterdir()):
        words = file.read_text().split("\n")
        words = [word.split("k1:")[-1] for word in words if word and not word.startswith("-----")]
        if file.name == "alertmanager":
            words = re.findall(r'url: "([^"]+)"', file.read_text())
        # The password of an address, too.
        words += re.findall(r"://[^:]*:([^@]+)@", file.read_text())
        needles[file.name] = words
    assert all(len(word) > 20 for words in needles.values() for word in words)
    ids = project.ids(every=True)
    places = {
        "docker inspect": run("docker", "inspect", *ids),
        "the logs": "\n".join(run("docker", "logs", container) for container in ids),
        "the compose file": project.compose("config"),
        "argv": "\n".join(
            run("docker", "top", container, "-eo", "pid,args") for container in project.ids()
        ),
    }
    for name in ("api", "worker", "migrate", "simulator"):
        image = f"ramz-{name}:{tag}"
        places[f"the image {name}"] = run("docker", "image", "inspect", image) + run(
            "docker", "history", "--no-trunc", image
        )
    found = [
        f"{name} in {place}"
        for place, text in places.items()
        for name, words in needles.items()
        if any(word in text for word in words)
    ]
    report.check(
        "SEC-01 A-37 no secret in inspect, history, logs, argv",
        not found,
        ", ".join(found) or f"{len(needles)} secrets, {len(places)} places",
    )
    mounts = {}
    for container in project.inspect(every=True):
        mounted = [
            mount
            for mount in container["Mounts"]
            if mount["Destination"].startswith("/run/secrets/")
        ]
        assert not any(mount["RW"] for mount in mounted), "a secret could be changed"
        mounts[service(container)] = sorted(
            mount["Destination"].split("/")[-1] for mount in mounted
        )
    wanted = {
        "api": [
            "api_database_url",
            "api_redis_url",
            "console_database_url",
            "delivery_callback_secret",
            "jwt_private_key",
            "otp_key",
        ],
        "worker": ["kavenegar_api_key", "otp_key", "worker_database_url", "worker_redis_url"],
        "migrate": ["migrate_database_url"],
        "roles": [
            "api_database_url",
            "console_database_url",
            "migrate_database_url",
            "postgres_password",
            "worker_database_url",
        ],
        "postgres": ["postgres_password"],
        "redis": ["redis_password", "redis_users"],
        "grafana": ["grafana_admin_password"],
        "prometheus": [],
        "alertmanager": ["alertmanager"],
        "machine": [],
        "simulator": [],
    }
    report.check(
        "each service sees its own secrets only",
        mounts == wanted,
        "" if mounts == wanted else json.dumps(mounts),
    )


def roles(project, report):
    """NET-04: nobody but the operator works as a superuser."""
    sql = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'ramz' AND pid <> pg_backend_pid()"
    postgres, redis = project.ids("postgres")[0], project.ids("redis")[0]
    found = project.execute(
        postgres, "psql", "--username=ramz", "--no-psqlrc", "--tuples-only", "--no-align", "-c", sql
    ).split()
    listed = project.execute(
        redis,
        "sh",
        "-c",
        "REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli CLIENT LIST",
    )
    users = set(re.findall(r"user=(\S+)", listed)) - {"default"}
    others = [
        line
        for line in listed.splitlines()
        if "user=default" in line and "cmd=client" not in line and "cmd=ping" not in line
    ]
    wanted = {"ramz_api", "ramz_worker"}
    databases = wanted | {"ramz_console"}
    report.check(
        "NET-04 api, worker and console have roles of their own at the stores",
        set(found) == databases and users == wanted and not others,
        f"PostgreSQL: {', '.join(sorted(found))}; Redis: {', '.join(sorted(users))}",
    )


def reaches(network, runtime, addresses, port):
    """Whether a container on this network gets a connection to one of the addresses."""
    tries = "; ".join(f"</dev/tcp/{address}/{port} && echo reached" for address in addresses)
    output = run(
        *("docker", "run", "--rm", "--network", network, runtime),
        *("timeout", str(3 * len(addresses)), "bash", "-c", tries),
        check=False,
    )
    return "reached" in output


def networks(project, report, runtime, mirror):
    """Who is not on the network of the stores can't reach them, and they have no way out."""
    targets = {}
    for store, port in (("postgres", 5432), ("redis", 6379)):
        # By name, which only neighbours can resolve, and by number.
        attached = project.inspect(store)[0]["NetworkSettings"]["Networks"].values()
        targets[store] = ([store, *(network["IPAddress"] for network in attached)], port)
    # Some server that is not on this machine.
    outside = urlsplit(mirror).hostname
    try:
        targets[outside] = ([socket.gethostbyname(outside)], 80)
    except OSError:
        pass
    names = ("stores", "watch", "front", "gateway", "alerts", "boards")
    pairs = [(network, target) for network in names for target in targets]

    def answers(pair):
        network, target = pair
        return reaches(f"{project.name}_{network}", runtime, *targets[target])

    with ThreadPoolExecutor(len(pairs)) as pool:
        reached = {pair for pair, yes in zip(pairs, pool.map(answers, pairs), strict=True) if yes}
    own = {("stores", "postgres"), ("stores", "redis")}
    strange = {pair for pair in reached if pair[1] != outside} ^ own
    report.check(
        "A-35 the stores are reached by their own network only",
        not strange,
        ", ".join(f"{network} and {target}" for network, target in sorted(strange)),
    )
    if ("gateway", outside) in reached:
        out = sorted({network for network, target in reached if target == outside})
        report.check(
            "stores and watch have no way out",
            not {"stores", "watch"} & set(out),
            f"{', '.join(out)} have one",
        )
    else:
        note = f"not checked: {outside} can't be reached at all"
        report.note("a way out of stores and watch", note)


def forwarded_for(project, report, runtime):
    """A-20: a container can't choose its address by a header, and the API tells what to set."""
    script = r"""
for i in $(seq 40); do
    body="{\"phone_number\": \"0935000$((1000 + i))\"}"
    exec 3<>/dev/tcp/api/8000
    printf '%s\r\n' 'POST /api/v1/usr/otp HTTP/1.1' 'Host: api' 'Connection: close' \
        'Content-Type: application/json' "Content-Length: ${#body}" \
        "X-Forwarded-For: 198.51.100.$i" '' >&3
    printf '%s' "$body" >&3
    head -n 1 <&3
    exec 3>&-
done
"""
    output = run(
        "docker", "run", "--rm", "--network", f"{project.name}_watch", runtime, "bash", "-c", script
    )
    statuses = [line.split()[1] for line in output.splitlines() if line.startswith("HTTP/")]
    limited = statuses.count("202") >= 25 and statuses.count("429") >= 5
    counts = ", ".join(
        f"{statuses.count(status)} times {status}" for status in sorted(set(statuses))
    )
    report.check("A-20 X-Forwarded-For of a container is not believed", limited, counts)
    log = run("docker", "logs", project.ids("api")[0])
    told = [
        line for line in log.splitlines() if "sends X-Forwarded-For and is not believed" in line
    ]
    report.check(
        "A-20 the API says once what TRUSTED_PROXIES lacks",
        len(told) == 1 and "/32 into TRUSTED_PROXIES" in told[0],
        f"{len(told)} lines",
    )
