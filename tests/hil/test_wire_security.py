"""Who may not come in, and what those who may come in may not do."""

from __future__ import annotations

import asyncio
import math
import shutil
import socket
import struct
from datetime import timedelta
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyAes256Sha256RsaPss, SecurityPolicyBasic256Sha256

from gateway.certificates import Application, create_authority, load_authority, make_authority, make_revocation_list
from line import wire
from line.clock import SystemClock
from plant_sim.wire.guard import MAX_SESSIONS, MAX_SOCKETS
from tests.first_order_plant import FirstOrderPlant
from tests.wire_bench import (
    Connected,
    Served,
    copied,
    engine_caller,
    issued,
    plain_client,
    refused,
    register,
    served,
    talk,
    viewer_caller,
)

pytestmark = pytest.mark.hil
ENGINE = Application("engine", wire.ENGINE_URI, serves=False)
NOW = SystemClock().utc()
D, I = ua.VariantType.Double, ua.VariantType.Int64  # noqa: E741


# --- certificates -------------------------------------------------------------------------------------------------------
# what is wrong                 made from                                              status
CERTIFICATES = [
    ("expired",                 {"now": NOW - timedelta(days=400)},                    "BadCertificateTimeInvalid"),
    ("not yet valid",           {"now": NOW + timedelta(days=2)},                      "BadCertificateTimeInvalid"),
    ("of another authority",    {"authority": "other"},                                "BadCertificateUntrusted"),
    ("with another uri",        {"uri": "urn:somebody:else"},                          "BadCertificateUriInvalid"),
    ("for servers only",        {"serves": True},                                      "BadCertificateUseNotAllowed"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "made", "status"), CERTIFICATES, ids=[row[0] for row in CERTIFICATES])
def test_a_certificate_that_is(
    plant_server: Served, secrets: Path, tmp_path: Path, wrong: str, made: dict, status: str
) -> None:
    authority = make_authority(NOW) if made.get("authority") == "other" else load_authority(secrets)
    application = Application("engine", made.get("uri", wire.ENGINE_URI), made.get("serves", False))
    certificate, key = issued(tmp_path, authority, application, made.get("now", NOW))
    caller = engine_caller(secrets, certificate=certificate, key=key)
    assert refused(plant_server.endpoint, secrets, caller) == status
    assert plant_server.heard("certificate_refused")[-1]["status"] == status


def test_a_revoked_certificate(secrets: Path, tmp_path: Path) -> None:
    from cryptography import x509

    folder = copied(secrets, tmp_path / "secrets")
    revoked = [x509.load_der_x509_certificate((folder / "engine.der").read_bytes())]
    (folder / "crl" / "authority.crl.der").write_bytes(make_revocation_list(load_authority(folder), NOW, revoked=revoked))
    with served(folder) as state:
        assert refused(state.endpoint, folder, engine_caller(folder)) == "BadCertificateRevoked"
        assert refused(state.endpoint, folder, viewer_caller(folder)) == ""


def test_a_stranger_cannot_borrow_a_trusted_certificate(plant_server: Served, secrets: Path, tmp_path: Path) -> None:
    """The channel is made with an own key, CreateSession shows the (public) certificate of the engine."""
    certificate, key = issued(tmp_path, make_authority(NOW), ENGINE, NOW)
    caller = engine_caller(secrets, certificate=certificate, key=key)

    async def main() -> str:
        client = await plain_client(plant_server.endpoint, secrets, caller)
        await client.connect_sessionless()
        try:
            parameters = ua.CreateSessionParameters()
            description = ua.ApplicationDescription(ApplicationUri=wire.ENGINE_URI, ApplicationType=ua.ApplicationType.Client)
            parameters.ClientDescription = description
            parameters.ClientNonce, parameters.RequestedSessionTimeout = b"n" * 32, 60_000
            parameters.ClientCertificate = (secrets / "engine.der").read_bytes()
            parameters.EndpointUrl = plant_server.endpoint
            answer = await client.uaclient.create_session(parameters)
            client._server_nonce = answer.ServerNonce
            await client.activate_session(username="apc", password=caller.secret)
        except ua.UaStatusCodeError as error:
            return str(ua.StatusCode(error.code).name)
        finally:
            await client.disconnect_sessionless()
        return ""

    assert asyncio.run(main()) == "BadCertificateInvalid"


# --- channels -----------------------------------------------------------------------------------------------------------
def test_no_session_on_a_channel_without_encryption(plant_server: Served, secrets: Path) -> None:
    assert refused(plant_server.endpoint, secrets, None) == "BadSecurityModeInsufficient"


def test_discovery_shows_encrypted_endpoints_only(plant_server: Served) -> None:
    async def main() -> list[ua.EndpointDescription]:
        return await Client(plant_server.endpoint).connect_and_get_server_endpoints()

    ends = asyncio.run(main())
    assert {end.SecurityMode for end in ends} == {ua.MessageSecurityMode.SignAndEncrypt}
    assert {end.SecurityPolicyUri for end in ends} == {SecurityPolicyAes256Sha256RsaPss.URI, SecurityPolicyBasic256Sha256.URI}
    assert {token.TokenType for end in ends for token in end.UserIdentityTokens} == {ua.UserTokenType.UserName}


def test_a_live_session_cannot_be_taken_over_on_an_open_channel(plant_server: Served, secrets: Path) -> None:
    """Even with the true token of the engine's session, in hand and on a channel without encryption."""

    async def main() -> list[str]:
        owner = await plain_client(plant_server.endpoint, secrets, engine_caller(secrets))
        await owner.connect()
        thief = Client(plant_server.endpoint, timeout=3)
        await thief.connect_sessionless()
        thief.uaclient.session.restore_authentication_token(owner.uaclient.session.authentication_token)
        found = []
        try:
            node = ua.NodeId(ua.ObjectIds.Server_ServerStatus_State)
            read = ua.ReadParameters(NodesToRead=[ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value)])
            for attempt in (
                thief.activate_session("apc", "x"),
                thief.uaclient.session.read(read),
                thief.uaclient.session.call([]),
            ):
                try:
                    await attempt
                    found.append("served")
                except ua.UaStatusCodeError as error:
                    found.append(str(ua.StatusCode(error.code).name))
        finally:
            await thief.disconnect_sessionless()
            await owner.disconnect()
        return found

    assert asyncio.run(main()) == ["BadSecurityModeInsufficient"] * 3


def test_a_session_that_is_not_activated_is_not_served(plant_server: Served, secrets: Path) -> None:
    async def main() -> str:
        client = await plain_client(plant_server.endpoint, secrets, engine_caller(secrets))
        await client.connect_sessionless()
        try:
            await client.create_session()
            await client.nodes.namespace_array.read_value()
        except ua.UaStatusCodeError as error:
            return str(ua.StatusCode(error.code).name)
        finally:
            await client.disconnect_sessionless()
        return "served"

    assert asyncio.run(main()) == "BadSessionNotActivated"


def test_a_session_token_cannot_be_guessed(plant_server: Served, secrets: Path) -> None:
    async def token() -> ua.NodeId:
        client = await plain_client(plant_server.endpoint, secrets, engine_caller(secrets))
        await client.connect()
        found = client.uaclient.session.authentication_token
        await client.disconnect()
        return found

    one, other = asyncio.run(token()), asyncio.run(token())
    assert one.NodeIdType is ua.NodeIdType.ByteString and len(one.Identifier) == 32 and one != other


def test_services_that_change_the_address_space_are_not_served(plant_server: Served, secrets: Path) -> None:
    async def work(line: Connected) -> list[str]:
        found = []
        session = line.client.uaclient.session
        for attempt in (session.add_nodes([]), session.delete_nodes(ua.DeleteNodesParameters())):
            try:
                await attempt
                found.append("served")
            except ua.UaStatusCodeError as error:
                found.append(str(ua.StatusCode(error.code).name))
        return found

    assert set(talk(plant_server.endpoint, secrets, engine_caller(secrets), work)) == {"BadServiceUnsupported"}


# --- users --------------------------------------------------------------------------------------------------------------
def test_anonymous_wrong_secret_and_unknown_user(plant_server: Served, secrets: Path) -> None:
    assert refused(plant_server.endpoint, secrets, engine_caller(secrets, user=None)) == "BadIdentityTokenRejected"
    assert refused(plant_server.endpoint, secrets, engine_caller(secrets, secret="guess")) == "BadUserAccessDenied"
    assert refused(plant_server.endpoint, secrets, engine_caller(secrets, user="admin")) == "BadUserAccessDenied"
    assert refused(plant_server.endpoint, secrets, engine_caller(secrets)) == ""
    assert {"user": "apc", "address": "127.0.0.1", "status": "BadUserAccessDenied"} in plant_server.heard("login_refused")


# --- what a session may do ----------------------------------------------------------------------------------------------
def start_vector() -> list[float]:
    frame, tags = FirstOrderPlant(register()).initial(), register()
    return [float(frame.values[tags.scalar_index[i]]) for i in tags.setpoint_ids]


def test_a_viewer_reads_and_nothing_else(plant_server: Served, secrets: Path) -> None:
    async def work(line: Connected) -> list[object]:
        data = await line.data("Sys/StepIndex")
        step, _ = await line.step(data.Value.Value, 1, start_vector())
        write = await line.write("SP/MainForce", ua.Variant(6.0, D))
        last, outputs = await line.call("LastX")
        return [data.StatusCode.name, step, write, last, len(outputs[1])]

    found = talk(plant_server.endpoint, secrets, viewer_caller(secrets), work)
    assert found == ["Good", "BadUserAccessDenied", "BadUserAccessDenied", "Good", len(register().scalar_ids)]
    assert any(b["user"] == "viewer" and b["node"].endswith("StepX") for b in plant_server.heard("call_refused"))


GOOD_FORCE = ua.Variant(6.0, D)
# tag                    value                                                   status
WRITES = [
    ("SP/MainForce",     ua.Variant(math.nan, D),                                "BadOutOfRange"),
    ("SP/MainForce",     ua.Variant(math.inf, D),                                "BadOutOfRange"),
    ("SP/MainForce",     ua.Variant(0.5, D),                                     "BadOutOfRange"),
    ("SP/MainForce",     ua.Variant(12.5, D),                                    "BadOutOfRange"),
    ("SP/MainForce",     ua.Variant(6, I),                                       "BadTypeMismatch"),
    ("SP/MainForce",     ua.Variant("6", ua.VariantType.String),                 "BadTypeMismatch"),
    ("SP/MainForce",     ua.Variant([6.0], D, is_array=True),                    "BadTypeMismatch"),
    ("SP/MainForce",     ua.Variant(None, ua.VariantType.Null),                  "BadTypeMismatch"),
    ("SP/AcceptRequest", ua.Variant(2, I),                                       "BadOutOfRange"),
    ("SP/AcceptRequest", ua.Variant(1.0, D),                                     "BadTypeMismatch"),
    ("SP/MainForce",     ua.DataValue(GOOD_FORCE, ua.StatusCode(ua.StatusCodes.BadSensorFailure)), "BadWriteNotSupported"),
    ("Press/FillDepth",  ua.Variant(8.0, D),                                     "BadNotWritable"),
    ("Sys/CtrlMode",     ua.Variant(0, I),                                       "BadNotWritable"),
    ("Wire/Mode",        ua.Variant("REALTIME", ua.VariantType.String),          "BadUserAccessDenied"),
    ("SP/Nothing",       ua.Variant(1.0, D),                                     "BadUserAccessDenied"),
    ("SP/MainForce",     GOOD_FORCE,                                             "BadInvalidState"),  # LOCKSTEP: StepX only
]  # fmt: skip


def test_writes_are_judged_one_by_one(plant_server: Served, secrets: Path) -> None:
    async def work(line: Connected) -> list[str]:
        return [await line.write(tag, value) for tag, value, _ in WRITES]

    found = talk(plant_server.endpoint, secrets, engine_caller(secrets), work)
    assert list(zip([row[0] for row in WRITES], found)) == [(tag, status) for tag, _, status in WRITES]


def test_attributes_and_parts_of_values_are_not_written(plant_server: Served, secrets: Path) -> None:
    async def work(line: Connected) -> list[str]:
        name = ua.DataValue(ua.Variant(ua.LocalizedText("x"), ua.VariantType.LocalizedText))
        return [
            await line.write("SP/MainForce", name, attribute=ua.AttributeIds.DisplayName),
            await line.write("SP/MainForce", ua.Variant(6.0, D), index_range="0:1"),
        ]

    assert talk(plant_server.endpoint, secrets, engine_caller(secrets), work) == ["BadUserAccessDenied", "BadIndexRangeInvalid"]


def test_a_step_with_a_bad_vector_advances_nothing(plant_server: Served, secrets: Path) -> None:
    tags, good = register(), start_vector()
    force, accept = tags.setpoint_index["SP/MainForce"], tags.setpoint_index["SP/AcceptRequest"]

    def changed(position: int, value: float) -> list[float]:
        return [value if i == position else v for i, v in enumerate(good)]

    async def work(line: Connected) -> list[str]:
        k = (await line.data("Sys/StepIndex")).Value.Value
        vectors = [changed(force, math.nan), changed(force, 99.0), changed(accept, 0.5), good[:-1], [*good, 1.0]]
        found = [(await line.step(k, 1000 + n, vector))[0] for n, vector in enumerate(vectors)]
        found.append((await line.call("StepX", ua.Variant(k, D), ua.Variant(1, I), ua.Variant(good, D, is_array=True)))[0])
        found.append((await line.call("StepX", ua.Variant(k, I)))[0])
        found.append((await line.call("StepX", *[ua.Variant(k, I)] * 4))[0])
        found.append((await line.call("StepX", ua.Variant(k, I), on="SP"))[0])
        assert (await line.data("Sys/StepIndex")).Value.Value == k
        return found

    out, invalid = "BadOutOfRange", "BadInvalidArgument"
    expected = [
        out,
        out,
        out,
        invalid,
        invalid,
        "BadTypeMismatch",
        "BadArgumentsMissing",
        "BadTooManyArguments",
        "BadMethodInvalid",
    ]
    assert talk(plant_server.endpoint, secrets, engine_caller(secrets), work) == expected


def test_stepping_is_idempotent_and_never_skips(plant_server: Served, secrets: Path) -> None:
    async def work(line: Connected) -> None:
        k = (await line.data("Sys/StepIndex")).Value.Value
        calls = plant_server.plant.calls
        first = await line.step(k, 7, start_vector())
        again = await line.step(k, 7, start_vector())
        assert first[0] == again[0] == "Good" and repr(first) == repr(again) and first[1][0] == k + 1
        assert (await line.step(k, 8, start_vector()))[0] == "BadInvalidState"
        assert (await line.step(k + 2, 9, start_vector()))[0] == "BadInvalidState"
        assert plant_server.plant.calls == calls + 1

    talk(plant_server.endpoint, secrets, engine_caller(secrets), work)


def test_one_controller_at_a_time(plant_server: Served, secrets: Path) -> None:
    async def second(line: Connected) -> tuple[str, str]:
        other = await plain_client(plant_server.endpoint, secrets, engine_caller(secrets))
        await other.connect()
        rival = Connected(other, line.index)
        k = (await line.data("Sys/StepIndex")).Value.Value
        assert (await line.step(k, 70, start_vector()))[0] == "Good"
        while_owned = (await rival.step(k + 1, 71, start_vector()))[0]
        await line.client.disconnect()
        after_end = (await rival.step(k + 1, 72, start_vector()))[0]
        await other.disconnect()
        return while_owned, after_end

    async def main() -> tuple[str, str]:
        client = await plain_client(plant_server.endpoint, secrets, engine_caller(secrets))
        await client.connect()
        return await second(Connected(client, await client.get_namespace_index(wire.NAMESPACE)))

    assert asyncio.run(main()) == ("BadLocked", "Good")


# --- bounds -------------------------------------------------------------------------------------------------------------
def test_sessions_are_capped_and_the_cap_is_named(plant_server: Served, secrets: Path) -> None:
    async def main(endpoint: str) -> str:
        clients = []
        try:
            for _ in range(MAX_SESSIONS + 1):
                client = await plain_client(endpoint, secrets, viewer_caller(secrets))
                await client.connect()
                clients.append(client)
        except ua.UaStatusCodeError as error:
            return f"{len(clients)} {ua.StatusCode(error.code).name}"
        finally:
            for client in clients:
                await client.disconnect()
        return "no cap"

    assert asyncio.run(main(plant_server.endpoint)) == f"{MAX_SESSIONS} BadTooManySessions"


def address_of(endpoint: str) -> tuple[str, int]:
    host, port = endpoint.removeprefix("opc.tcp://").split("/")[0].split(":")
    return host, int(port)


def test_idle_sockets_do_not_keep_the_engine_out(plant_server: Served, secrets: Path) -> None:
    idle = [socket.create_connection(address_of(plant_server.endpoint)) for _ in range(MAX_SOCKETS + 20)]
    try:
        assert refused(plant_server.endpoint, secrets, engine_caller(secrets)) == ""
    finally:
        for one in idle:
            one.close()


def test_an_endless_message_is_cut_off(plant_server: Served) -> None:
    with socket.create_connection(address_of(plant_server.endpoint), timeout=5) as stranger:
        stranger.sendall(b"HELF" + struct.pack("<I", 2**31))
        with pytest.raises(OSError):
            for _ in range(64):
                stranger.sendall(b"\0" * 65536)
            if stranger.recv(1) == b"":
                raise ConnectionResetError


def test_the_server_listens_on_loopback_only(plant_server: Served) -> None:
    assert address_of(plant_server.endpoint)[0] == "127.0.0.1"
    listening = Path("/proc/net/tcp")
    if not listening.exists():
        pytest.skip("the kernel's table of sockets is read from /proc")
    port = f"{address_of(plant_server.endpoint)[1]:04X}"
    rows = [row.split() for row in listening.read_text().splitlines()[1:]]
    assert {row[1] for row in rows if row[1].endswith(f":{port}") and row[3] == "0A"} == {f"0100007F:{port}"}


def test_in_real_time_writes_are_taken_and_steps_are_not(real_time_server: Served, secrets: Path) -> None:
    async def work(line: Connected) -> list[str]:
        k = (await line.data("Sys/StepIndex")).Value.Value
        return [
            await line.write("SP/MainForce", ua.Variant(6.5, D)),
            (await line.step(k, 1, start_vector()))[0],
            await line.write("SP/MainForce", ua.Variant(math.nan, D)),
        ]

    found = talk(real_time_server.endpoint, secrets, engine_caller(secrets), work)
    assert found == ["Good", "BadInvalidState", "BadOutOfRange"]


def test_secrets_of_another_line_open_nothing(plant_server: Served, secrets: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    create_authority(other, SystemClock())
    shutil.copy(secrets / "plant.der", other / "plant.der")
    assert refused(plant_server.endpoint, other, engine_caller(other)) == "BadCertificateUntrusted"
