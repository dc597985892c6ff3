"""Every address in the data files is at a place of record."""

import ipaddress
import re
from urllib.parse import urlsplit

import pytest

from ketastats.resources import shipped

DATA = shipped("data")
FILES = sorted([*DATA.rglob("*.toml"), DATA / "evidence" / "evidence.csv"])
ADDRESS = re.compile(r"https?://[^\s\"'<>,;)\]}]+", re.IGNORECASE)
SHARING = {"scribd", "slideshare", "studylib", "docplayer", "coursehero", "vdocuments", "pdfcoffee"}
SHARING |= {"documentine", "academia", "researchgate", "yumpu", "quizlet", "dropbox", "docsity"}
UNDER_WORK = {"dev", "development", "staging", "stage", "test", "preview", "beta", "localhost"}
HOSTING = ("vercel.app", "netlify.app", "herokuapp.com", "github.io", "pages.dev", "web.app")


def hosts_of(path):
    found = ADDRESS.findall(path.read_text(encoding="utf-8"))
    return {str(urlsplit(address).hostname) for address in found}


def allowed_hosts():
    lines = (DATA / "allowed_hosts.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def is_ip_address(host):
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(DATA).as_posix())
def test_every_address_has_an_allowed_host(path):
    assert hosts_of(path) - set(allowed_hosts()) == set()


def test_addresses_are_found_in_the_registries_and_the_evidence():
    with_addresses = {path.name for path in FILES if hosts_of(path)}
    assert {"instruments.toml", "endpoints.toml", "evidence.csv"} <= with_addresses


def test_allowed_hosts_are_sorted_and_each_is_named_once():
    assert allowed_hosts() == sorted(set(allowed_hosts()))


def test_no_allowed_host_is_a_number_a_trial_server_or_a_place_to_share_documents():
    for host in allowed_hosts():
        labels = set(host.split("."))
        assert not is_ip_address(host), host
        assert not labels & (SHARING | UNDER_WORK), host
        assert not host.endswith(HOSTING), host
        assert "." in host, host
