"""The clinic connection against servers that are no clinic: real sockets, scripted answers."""

import asyncio
import contextlib
import datetime
import gc
import gzip
import ipaddress
import ssl
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.net.address import tls_context
from app.net.errors import BadAnswer, CertificateMismatch, NetError, NotTheClinic, Refused, Unreachable
from app.net.http import ClinicHttp
from app.wire.errors import ErrorCode
from app.wire.trust import Challenge

OURS = b"Thinline-Protocol: 1\r\n"


def answer(status, body=b"", headers=OURS):
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, headers, len(body), body)


@contextlib.asynccontextmanager
async def server(reply, tls=None):
    """A server that answers each request with `reply` bytes (None: never)."""

    serving = set()

    async def serve(reader, writer):
        serving.add(asyncio.current_task())
        try:
            first = await reader.read(1)
            if first != b"\x16":  # a TLS hello at a plain server has no end of line to wait for
                await reader.readuntil(b"\r\n\r\n")
            if reply is None:
                await reader.read()
            else:
                writer.write(reply)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await listening.wait_closed()
        await asyncio.sleep(0)


def ask(reply, *, deadline=5.0, max_bytes=10_000, scheme="http", tls_server=None, tls_client=None):
    async def run():
        async with (
            server(reply, tls_server) as port,
            ClinicHttp(f"{scheme}://127.0.0.1:{port}", tls_client) as http,
        ):
            return await http.request("GET", "/v1/x", open_to_all=True, deadline=deadline, max_bytes=max_bytes)

    return asyncio.run(run())


def test_a_clinics_answer_comes_back():
    assert ask(answer(b"200 OK", b"{}")).content == b"{}"


def test_a_captive_portal_is_recognised():
    portal = b"Content-Type: text/html\r\n"
    with pytest.raises(NotTheClinic, match="sign-in page"):
        ask(answer(b"200 OK", b"<html>Welcome to our hotel</html>", portal))


def test_a_portals_redirect_is_not_followed():
    with pytest.raises(NotTheClinic):
        ask(answer(b"302 Found", b"", b"Location: http://portal.example/\r\n"))


def test_a_refusal_carries_its_reason():
    problem = b'{"title":"no","status":403,"code":"code-unknown"}'
    with pytest.raises(Refused, match="does not know this code") as caught:
        ask(answer(b"403 Forbidden", problem))
    assert caught.value.code is ErrorCode.CODE_UNKNOWN


def test_a_refusal_without_a_reason_is_still_typed():
    with pytest.raises(Refused) as caught:
        ask(answer(b"500 Oops", b"<html>"))
    assert caught.value.code is ErrorCode.INTERNAL


def test_a_refusal_without_a_body_is_known_by_its_status():
    with pytest.raises(Refused) as caught:
        ask(answer(b"401 Unauthorized"))
    assert caught.value.code is ErrorCode.TOKEN_INVALID


def test_a_silent_service_ends_at_the_deadline():
    with pytest.raises(Unreachable):
        ask(None, deadline=0.2)


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"\x15\x03\x01 nonsense\r\n\r\n"])
def test_a_broken_answer_is_unreachable(reply):
    with pytest.raises(Unreachable):
        ask(reply)


def test_a_cut_answer_is_unreachable():
    with pytest.raises(Unreachable):
        ask(b"HTTP/1.1 200 OK\r\n%sContent-Length: 100\r\n\r\nhalf" % OURS)


def test_a_huge_answer_is_refused():
    with pytest.raises(BadAnswer):
        ask(answer(b"200 OK", b"x" * 20_000), max_bytes=10_000)


def test_a_compressed_answer_is_never_inflated():
    bomb = gzip.compress(gzip.compress(bytes(50_000_000)))
    assert len(bomb) < 5_000
    with pytest.raises(NotTheClinic):
        ask(answer(b"200 OK", bomb, OURS + b"Content-Encoding: gzip, gzip\r\n"))


def test_an_answer_of_another_shape_is_refused():
    async def run():
        async with (
            server(answer(b"200 OK", b'{"nonce": 3}')) as port,
            ClinicHttp(f"http://127.0.0.1:{port}", None) as h,
        ):
            await h.fetch(Challenge, "GET", "/v1/x", open_to_all=True)

    with pytest.raises(BadAnswer):
        asyncio.run(run())


def test_nobody_listens():
    async def run():
        async with server(b"") as port:
            pass
        async with ClinicHttp(f"http://127.0.0.1:{port}", None) as http:
            await http.request("GET", "/v1/x", open_to_all=True)

    with pytest.raises(Unreachable, match="cannot be reached"):
        asyncio.run(run())


def certificate(tmp_path, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / f"{name}.pem"
    path.write_bytes(
        cert.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, cert.public_bytes(serialization.Encoding.DER)


def test_the_pinned_certificate_is_trusted_and_no_other(tmp_path):
    ours, der = certificate(tmp_path, "ours")
    theirs, _ = certificate(tmp_path, "theirs")
    whole = answer(b"200 OK", b"{}")
    assert ask(whole, scheme="https", tls_server=ours, tls_client=tls_context([der])).status_code == 200
    with pytest.raises(CertificateMismatch, match="certificate does not fit"):
        ask(whole, scheme="https", tls_server=theirs, tls_client=tls_context([der]))


def test_a_plain_server_where_tls_should_be(tmp_path):
    _, der = certificate(tmp_path, "ours")
    with warnings.catch_warnings():
        # asyncio leaves the socket of a failed TLS handshake to the garbage collector (Python 3.11).
        warnings.simplefilter("ignore", ResourceWarning)
        assert talk_tls_to_a_plain_server(der) is NotTheClinic
        gc.collect()


def talk_tls_to_a_plain_server(der):
    try:
        ask(b"HTTP/1.1 400 Bad Request\r\n\r\n", scheme="https", tls_client=tls_context([der]))
    except NetError as error:
        return type(error)
