"""The example reverse proxy sends to stream what the front of `up` sends there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import crossplane
import pytest

from raxx.front import STREAM_PATHS

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "deploy" / "proxy" / "nginx.conf"
# A map's lines are no directives, and crossplane takes them for unknown ones.
MAP = re.compile(r"^(map \S+ \$\w+ \{)((?:\s+\S+\s+\S+;)+)(\s+\})$", re.MULTILINE)
LOCATION = re.compile(r"location ~ (\^\S+) \{\s+proxy_pass http://raxx_stream;")


def stream_location() -> re.Pattern[str]:
    (found,) = LOCATION.findall(CONF.read_text(encoding="utf-8"))
    return re.compile(found)


@pytest.mark.parametrize("path", [path.decode() for path in STREAM_PATHS])
def test_what_stays_open_goes_to_stream_with_what_is_below_it_and_nothing_else_does(path: str) -> None:
    location = stream_location()

    assert location.search(path)
    assert location.search(f"{path}/trades")
    assert not location.search(f"{path}s")
    assert not location.search(f"/other{path}")


def test_the_proxy_knows_no_other_path_of_stream() -> None:
    (words,) = re.findall(r"\(([^()]+)\)\(/\|\$\)$", stream_location().pattern)

    assert [f"/{word}".encode() for word in words.split("|")] == list(STREAM_PATHS)


def test_what_a_client_says_of_its_own_address_and_scheme_is_overwritten() -> None:
    words = re.findall(r"proxy_set_header\s+(\S+)\s+([^;]+);", CONF.read_text(encoding="utf-8"))

    assert dict(words)["X-Forwarded-For"] == "$remote_addr"
    assert dict(words)["X-Forwarded-Proto"] == "$scheme"
    # nginx forgets the outer headers in a place that sets one of its own.
    assert len(words) == len({name for name, _ in words})


def complaints_of(site: str, folder: Path) -> list[str]:
    """Return what NGINX's own reader says of a site: syntax, unknown words, places, numbers of arguments."""
    site = MAP.sub(lambda found: found[1] + "\n" * found[2].count("\n") + found[3], site)
    (folder / "site.conf").write_text(site, encoding="utf-8")
    (folder / "nginx.conf").write_text("events {}\nhttp { include site.conf; }\n", encoding="utf-8")
    read: dict[str, Any] = crossplane.parse(
        str(folder / "nginx.conf"), strict=True, check_ctx=True, check_args=True
    )
    assert len(read["config"]) == 2
    return [error["error"] for error in read["errors"]]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ((" ", " "), ""),
        (("server_tokens off;", "server_tokens off"), "invalid number of arguments"),
        (("least_conn;", "least_conn 2;"), "invalid number of arguments"),
        (("server_tokens off;", "server_token off;"), "unknown directive"),
        (("    least_conn;", "    proxy_pass http://raxx_web;"), "is not allowed here"),
        (
            ("return 301 https://$host$request_uri;\n}", "return 301 https://$host$request_uri;"),
            "end of file",
        ),
    ],
    ids=["as it is", "no semicolon", "too many words", "no such word", "not there", "no bracket"],
)
def test_it_is_a_configuration_by_nginx_s_own_grammar(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    site = CONF.read_text(encoding="utf-8")
    assert change[0] in site

    found = complaints_of(site.replace(*change), tmp_path)

    is_as_expected = any(complaint in said for said in found) if complaint else found == []
    assert is_as_expected, found


def test_where_it_sends_to_is_there(tmp_path: Path) -> None:
    site = CONF.read_text(encoding="utf-8")
    assert complaints_of(site, tmp_path) == []

    upstreams = set(re.findall(r"^upstream (\w+)", site, re.MULTILINE))
    named = set(re.findall(r"\b(raxx_(?:web|stream)\w*)", site))
    defined = set(re.findall(r"^map \S+ \$(\w+)", site, re.MULTILINE))

    assert named == upstreams
    assert set(re.findall(r"\$(raxx_\w+)", site)) == defined


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_nginx_reads_it(tmp_path: Path) -> None:
    words = (
        "req -x509 -newkey rsa:2048 -nodes -subj /CN=raxx.example.com -keyout privkey.pem -out fullchain.pem"
    )
    subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)  # noqa: S607 - wherever the system has it
    site = CONF.read_text(encoding="utf-8").replace("/etc/letsencrypt/live/raxx.example.com", str(tmp_path))
    site = re.sub(r"\b(80|443)( ssl| http2)*;", r"20\g<0>", site)  # the low ports are root's
    (tmp_path / "site.conf").write_text(site, encoding="utf-8")
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary} include {tmp_path}/site.conf; }}\n",
        encoding="utf-8",
    )

    read = subprocess.run(
        ["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],  # noqa: S607 - as above
        capture_output=True,
        text=True,
        check=False,
    )

    assert read.returncode == 0, read.stderr
