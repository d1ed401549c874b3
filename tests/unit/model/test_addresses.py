"""Which webhook URLs are accepted: https to a public host, and no host that a resolver reads as another."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.model.webhook_url import check_webhook_url, is_public


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/hooks?x=1",
        "https://8.8.8.8/hook",
        "https://[2606:4700:4700::1111]/",
        "https://not-there-yet.example/",
        "https://xn--bcher-kva.example/",
        "https://HOOKS.example.com.:443/",
        "https://a-b_c.example/",
        "https://8.8.8.8:8443/",
        "https://" + "a" * 63 + ".example/",
    ],
)
def test_public_https_is_taken(url: str) -> None:
    assert check_webhook_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "http://example.com",
        "ftp://example.com",
        "https://",
        "https:///path",
        "https://user:secret@example.com/",
        "https://example.com/a b",
        "https://example.com\\@127.0.0.1/",
        "https://bücher.example/",
        "https://example.com:99999/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://api.localhost/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://10.0.0.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://192.0.2.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[ff02::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[2002:7f00:1::]/",
        "https://[64:ff9b::a00:1]/",
        "https://[64:ff9b:1::808:808]/",
        "https://[64:ff9b:1:a00:0:100::]/",
        "https://[2606:4700::5efe:a00:1]/",
        "https://[2606:4700::200:5efe:a00:1]/",
        "https://[fd00::5efe:808:808]/",
        "https://192.0.0.9/",
        "https://192.0.0.192/",
        "https://192.88.99.2/",
        "https://[2001:db8::1]/",
        "https://[3fff::1]/",
        "https://[5f00::1]/",
        "https://[::127.0.0.1]/",
        "https://[::ffff:0:10.0.0.1]/",
        "https://[2001:0:1::1]/",
        "https://example.com:0/",
        "https://example.com:00/",
        "https://a..example/",
        "https://example.com../",
        "https://.example.com/",
        "https://-a.example/",
        "https://a-.example/",
        "https://./",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 127 + "example/",
        "https://example.com%2eevil.example/",
        "https://127%2e0%2e0%2e1/",
        "https://8.8.8.8%00/",
        "https://[2606:4700:4700::1111%251]/",
        "https://[v1.example]/",
        "https://a*b.example/",
        "https://" + "a" * 2048 + ".example/",
    ],
)
def test_anything_else_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(ValueError, match=r"must|is not a URL"):
        check_webhook_url(url)


PRIVATE = [
    IPv4Network(text) for text in ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
]


@given(st.sampled_from(PRIVATE), st.integers(min_value=0))
def test_no_spelling_of_a_private_address_is_public(network: IPv4Network, offset: int) -> None:
    inner = IPv4Address(int(network.network_address) + offset % network.num_addresses)

    assert not is_public(inner)
    for spelling in (0xFFFF << 32, 0x64FF9B << 96):
        assert not is_public(IPv6Address(spelling | int(inner)))
    assert not is_public(IPv6Address(0x2002 << 112 | int(inner) << 80))


@given(st.text())
def test_every_value_is_accepted_or_refused(url: str) -> None:
    with suppress(ValueError):
        assert check_webhook_url(url) == url


# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as of 2026, and multicast.
# Mapped addresses and NAT64's well-known prefix are judged by the IPv4 address in them.
REGISTERED = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
    192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24
    203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32
    ::1/128 ::/128 ::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128 2001:1::2/128
    2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32
    2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""


@given(st.sampled_from(REGISTERED.split()), st.integers(min_value=0))
def test_no_address_with_a_special_purpose_is_public(text: str, offset: int) -> None:
    network = ip_network(text)
    address = network[offset % network.num_addresses]

    assert not is_public(address)
    assert not is_public(network[0])
    assert not is_public(network[-1])
    if isinstance(address, IPv4Address):
        for held in (0xFFFF << 32, 0x64FF9B << 96, 0x26064700 << 96 | 0x5EFE << 32, 0x2606 << 112 | 0x2005EFE << 32):
            assert not is_public(IPv6Address(held | int(address)))
        assert not is_public(IPv6Address(0x2002 << 112 | int(address) << 80))


def test_public_addresses_are_public() -> None:
    for text in ("1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"):
        assert is_public(ip_address(text)), text
