"""The images of the drill: official ones where they can be had, stand-ins made of Debian's packages
where not, and Ramz's own."""

import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from docker import DrillError, run, succeeds

STAND_IN = "ramz-stand-in"
SERVICES = ("postgres", "redis", "prometheus", "alertmanager", "node_exporter", "grafana")
PROGRAMS = ("api", "worker", "migrate", "simulator")
SUITE = "bookworm"
# What nobody reads in a container.
UNREAD = ("usr/share/doc", "usr/share/man", "usr/share/locale")


def present(image):
    return succeeds("docker", "image", "inspect", image)


def official(compose_text, variable):
    """The image that docker-compose.yml names as the default of a variable."""
    return re.search(rf"\$\{{{variable}:-([^}}]+)\}}", compose_text).group(1)


def base_images(compose_text, names, options):
    """Returns for each variable of docker-compose.yml the image to use, and which are stand-ins."""
    chosen, stand_ins = {}, []
    for name in names:
        variable = f"{name.upper()}_IMAGE"
        image = official(compose_text, variable)
        if not options.make_bases and (
            present(image) or succeeds("docker", "pull", image, timeout=300)
        ):
            chosen[variable] = image
            continue
        chosen[variable] = stand_in(name, options)
        stand_ins.append(name)
    return chosen, stand_ins


def stand_in(name, options):
    image = f"{STAND_IN}/{'debian' if name == 'runtime' else name}:{SUITE}"
    if present(image):
        return image
    if name == "runtime":
        make_debian(image, options)
        return image
    base = stand_in("runtime", options)
    if name == "rust":
        make_rust(image, base, options)
        return image
    folder = Path(__file__).parent / "stand_ins"
    # The classic builder: its stages are cached images, and it is there everywhere.
    classic = {**os.environ, "DOCKER_BUILDKIT": "0"}
    run(
        "docker",
        "build",
        "--quiet",
        "--build-arg",
        f"BASE={base}",
        "--target",
        name,
        "--tag",
        image,
        folder,
        timeout=1800,
        env=classic,
    )
    return image


def mirror():
    """The mirror of Debian that this machine uses."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *folder.glob("sources.list.d/*")]
    text = "\n".join(file.read_text() for file in files if file.is_file())
    # One line each, or the fields of the newer form.
    found = re.findall(rf"^deb\s+(?:\[.*?\]\s+)?(\S+)\s+{SUITE}\s", text, re.M)
    for block in text.split("\n\n"):
        if re.search(rf"^Suites:.*\b{SUITE}\b", block, re.M):
            found += re.findall(r"^URIs:\s*(\S+)", block, re.M)
    return found[0] if found else "http://deb.debian.org/debian"


def make_debian(image, options):
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise DrillError(f"{image} can only be made by root with debootstrap")
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        tree = Path(folder) / "tree"
        run("debootstrap", "--variant=minbase", SUITE, tree, mirror(), timeout=1800)
        proxies = run("apt-config", "dump", check=False) if shutil.which("apt-config") else ""
        lines = re.findall(r"^Acquire::https?::Proxy .*;$", proxies, re.M)
        (tree / "etc/apt/apt.conf.d/01proxy").write_text("\n".join(lines) + "\n")
        # As in the official image: an image need not survive a power cut while it is made.
        lines = ["force-unsafe-io", *(f"path-exclude /{path}/*" for path in UNREAD)]
        (tree / "etc/dpkg/dpkg.cfg.d/01image").write_text("\n".join(lines) + "\n")
        packages = ("var/cache/apt/archives", "var/lib/apt/lists")
        left_out = [f"--exclude=./{path}/*" for path in (*packages, *UNREAD)]
        tar = subprocess.Popen(["tar", "-C", tree, *left_out, "-c", "."], stdout=subprocess.PIPE)
        run(
            "docker",
            "import",
            "--change",
            'CMD ["bash"]',
            "--change",
            "LABEL ramz.stand-in=1",
            "-",
            image,
            stdin=tar.stdout,
        )
        if tar.wait() != 0:
            raise DrillError("tar could not read the tree that debootstrap made")


def make_rust(image, base, options):
    """Rust as it is on this machine, over Debian's C compiler."""
    toolchain = run("rustc", "--print", "sysroot").strip()
    dockerfile = f"""FROM {base}
LABEL ramz.stand-in=1
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\
    ca-certificates gcc g++ libc6-dev make perl pkg-config && rm -rf /var/lib/apt/lists/*
COPY toolchain /usr/local/toolchain
COPY cargo /usr/local/cargo
COPY certs /etc/ssl/certs
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/toolchain/bin:$PATH
"""
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(dockerfile)
        (context / "cargo").mkdir()
        if options.cargo_config:
            shutil.copy(options.cargo_config, context / "cargo/config.toml")
        (context / "certs").mkdir()
        if options.ca_bundle:
            shutil.copy(options.ca_bundle, context / "certs/ca-certificates.crt")
        shutil.copytree(
            toolchain,
            context / "toolchain",
            symlinks=True,
            ignore=shutil.ignore_patterns("share", "src", "rust-analyzer*"),
        )
        run("docker", "build", "--quiet", "--tag", image, context, timeout=1800)


def own_images_of_host_programs(root, runtime, tag):
    """Puts programs that were built on this machine into the images of the Dockerfile: its stages
    from `binaries` on are used as they are, without those that compile."""
    target = Path(os.environ["CARGO_TARGET_DIR"])
    packages = [part for name in PROGRAMS for part in ("-p", name)]
    run("cargo", "build", "--quiet", *packages, "--bins", cwd=root, timeout=3600)
    binaries = f"ramz-drill-programs:{tag}"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        out.mkdir()
        for name in PROGRAMS:
            shutil.copy(target / "debug" / name, out / name)
            # They are large; what a debugger needs is not needed here.
            run("strip", out / name, check=False)
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", out)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(out, "out")
        run("docker", "import", "-", binaries, input=archive.getvalue())
        text = (Path(root) / "Dockerfile").read_text()
        arguments = text[: text.index("\nFROM ")]
        stages = text[text.index("\nFROM ${BINARIES}") :]
        context = Path(folder) / "context"
        context.mkdir()
        (context / "Dockerfile").write_text(arguments + "\n" + stages)
        for name in PROGRAMS:
            run(
                "docker",
                "build",
                "--quiet",
                "--target",
                name,
                "--tag",
                f"ramz-{name}:{tag}",
                "--build-arg",
                f"BINARIES={binaries}",
                "--build-arg",
                f"RUNTIME_IMAGE={runtime}",
                context,
            )
    run("docker", "image", "rm", binaries, check=False)
    version = run("docker", "run", "--rm", f"ramz-api:{tag}", "--version", check=False)
    if not version.startswith("api "):
        raise DrillError(
            f"the programs of this machine do not run in {runtime}, try --from-source: {version}"
        )


def has_own(tag):
    return all(present(f"ramz-{name}:{tag}") for name in PROGRAMS)


def remove_own(tag):
    for name in PROGRAMS:
        run("docker", "image", "rm", f"ramz-{name}:{tag}", check=False)


def remove_stand_ins():
    ids = run("docker", "image", "ls", "-q", "--filter", "label=ramz.stand-in=1").split()
    if ids:
        run("docker", "image", "rm", "--force", *dict.fromkeys(ids), check=False)
