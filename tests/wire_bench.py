"""What the wire's tests share: a served first-order plant, plain library clients, secrets folders with one thing wrong."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyAes256Sha256RsaPss
from cryptography.hazmat.primitives import serialization

from gateway.certificates import Application, Authority, issue
from line import wire
from line.clock import SystemClock
from line.tags import TagRegister, load_register
from line.wire import WireMode
from plant_sim.wire.server import Ready, ServerSettings, serve
from tests.first_order_plant import FirstOrderPlant

ROOT = Path(__file__).resolve().parents[1]
READY_WITHIN_S = 60.0


def register() -> TagRegister:
    return load_register(ROOT / "configs" / "line" / "tags.csv")


@dataclass
class Served:
    """A plant server in a thread of this process."""

    endpoint: str = ""
    secrets: Path = Path()
    plant: Any = None
    audit: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: list[BaseException] = field(default_factory=list)

    def heard(self, kind: str) -> list[dict[str, Any]]:
        return [body for what, body in self.audit if what == kind]


@contextmanager
def served(secrets: Path, mode: WireMode = WireMode.LOCKSTEP, plant: Any = None, port: int = 0, clock: Any = None):
    state = Served(secrets=secrets, plant=plant or FirstOrderPlant(register(), seed=3))
    up, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    def ready(announced: Ready) -> None:
        state.endpoint = announced.endpoint
        up.set()

    def body() -> None:
        asyncio.set_event_loop(loop)
        work = serve(
            state.plant,
            register(),
            ServerSettings(port, secrets, mode),
            clock or SystemClock(),
            ready=ready,
            stop=stop,
            audit=lambda kind, said: state.audit.append((kind, dict(said))),
        )
        try:
            loop.run_until_complete(work)
        except Exception as error:  # noqa: BLE001 - handed to the test
            state.error.append(error)
        finally:
            up.set()
            loop.close()

    thread = threading.Thread(target=body)
    thread.start()
    try:
        assert up.wait(READY_WITHIN_S)
        yield state
    finally:
        with suppress(RuntimeError):  # the server has ended by itself and closed its loop
            loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()


@dataclass(frozen=True)
class Caller:
    """What a plain library client shows: certificate and key files, the uri it claims, user and secret."""

    certificate: Path
    key: Path
    uri: str = wire.ENGINE_URI
    user: str | None = wire.USER_CONTROL
    secret: str = ""


def engine_caller(folder: Path, **changes: Any) -> Caller:
    start = {
        "certificate": folder / "engine.der",
        "key": folder / "engine.key.pem",
        "secret": (folder / "apc.secret").read_text().strip(),
    }
    return Caller(**{**start, **changes})


def viewer_caller(folder: Path) -> Caller:
    secret = (folder / "viewer.secret").read_text().strip()
    return Caller(folder / "viewer.der", folder / "viewer.key.pem", wire.VIEWER_URI, wire.USER_VIEW, secret)


def issued(folder: Path, authority: Authority, application: Application, now: Any, days: int = 365) -> tuple[Path, Path]:
    certificate, key = issue(authority, application, now, validity_days=days)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "c.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "k.pem").write_bytes(pem)
    return folder / "c.der", folder / "k.pem"


async def plain_client(endpoint: str, folder: Path, caller: Caller | None) -> Client:
    """Return a library client, not connected; without caller it has no security at all."""
    client = Client(endpoint, timeout=3)
    client.session_timeout = 60_000
    if caller is None:
        return client
    client.application_uri = caller.uri
    await client.set_security(
        SecurityPolicyAes256Sha256RsaPss, caller.certificate, caller.key, server_certificate=str(folder / "plant.der")
    )
    if caller.user is not None:
        client.set_user(caller.user)
        client.set_password(caller.secret)
    return client


@dataclass
class Connected:
    """A connected plain client with the line's node ids."""

    client: Client
    index: int

    def node(self, identifier: str) -> ua.NodeId:
        return ua.NodeId(f"{wire.LINE_FOLDER}/{identifier}" if identifier else wire.LINE_FOLDER, self.index)

    async def write(self, tag: str, value: ua.DataValue | ua.Variant, **more: Any) -> str:
        data = value if isinstance(value, ua.DataValue) else ua.DataValue(value)
        parameters = ua.WriteParameters()
        item = ua.WriteValue(NodeId=self.node(tag), AttributeId=more.get("attribute", ua.AttributeIds.Value), Value=data)
        item.IndexRange = more.get("index_range")
        parameters.NodesToWrite = [item]
        (status,) = await self.client.uaclient.session.write(parameters)
        return str(status.name)

    async def call(self, method: str, *arguments: ua.Variant, on: str = "") -> tuple[str, list[Any]]:
        request = ua.CallMethodRequest(ObjectId=self.node(on), MethodId=self.node(method), InputArguments=list(arguments))
        (result,) = await self.client.uaclient.session.call([request])
        return str(result.StatusCode.name), [variant.Value for variant in result.OutputArguments]

    async def step(self, k: int, request_id: int, vector: list[float]) -> tuple[str, list[Any]]:
        integer = ua.VariantType.Int64
        values = ua.Variant(vector, ua.VariantType.Double, is_array=True)
        return await self.call("StepX", ua.Variant(k, integer), ua.Variant(request_id, integer), values)

    async def data(self, tag: str) -> ua.DataValue:
        parameters = ua.ReadParameters()
        parameters.NodesToRead = [ua.ReadValueId(NodeId=self.node(tag), AttributeId=ua.AttributeIds.Value)]
        return (await self.client.uaclient.session.read(parameters))[0]


def talk(endpoint: str, folder: Path, caller: Caller | None, work: Callable[[Connected], Any] | None = None) -> Any:
    """Connect as `caller`, do `work`, disconnect; return what work returned. Errors of connecting pass through."""

    async def main() -> Any:
        client = await plain_client(endpoint, folder, caller)
        await client.connect()
        try:
            connected = Connected(client, await client.get_namespace_index(wire.NAMESPACE))
            return await work(connected) if work is not None else None
        finally:
            await asyncio.wait_for(client.disconnect(), 5)

    return asyncio.run(main())


def refused(endpoint: str, folder: Path, caller: Caller | None) -> str:
    """Return the status name with which a connection is refused; empty if it is not."""
    try:
        talk(endpoint, folder, caller)
    except ua.UaStatusCodeError as error:
        return str(ua.StatusCode(error.code).name)
    return ""


def copied(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target
