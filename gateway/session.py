"""One secured session with a plant, driven from ordinary code by a private event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyAes256Sha256RsaPss, SecurityPolicyBasic256Sha256
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from cryptography.exceptions import InvalidSignature

from gateway.refusals import explain
from gateway.secrets_check import require_folder
from line import wire
from line.clock import WallClock
from line.errors import CertificateError, CommunicationError
from line.tags import TagRegister
from line.wire import WireMode

Answer = TypeVar("Answer")
#: What the library raises for a lost link, a refusal, or an answer that cannot be decoded.
LINK_ERRORS = (
    OSError,
    ua.UaError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    struct.error,
    InvalidSignature,
)
POLICIES: dict[str, Any] = {
    "Aes256_Sha256_RsaPss": SecurityPolicyAes256Sha256RsaPss,
    "Basic256Sha256": SecurityPolicyBasic256Sha256,
}
DEFAULT_POLICY = "Aes256_Sha256_RsaPss"


@dataclass(frozen=True)
class Timeouts:
    """Limits of waiting [s]; `attempts` counts the tries of one step (a repeated step does not advance twice)."""

    connect_s: float = 8.0
    request_s: float = 2.0
    close_s: float = 3.0
    attempts: int = 3


@dataclass(frozen=True)
class Account:
    """Who calls: application certificate of the secrets folder, its ApplicationUri and the user."""

    application: str = wire.ENGINE_NAME
    uri: str = wire.ENGINE_URI
    user: str = wire.USER_CONTROL


class PlantClient(Client):
    """The library's client without its own watchdogs: whether data are fresh is judged by the port, by data age."""

    async def _connection_supervisor(self) -> None:
        return

    async def _stale_watchdog_loop(self) -> None:
        return


class PlantSession:
    """Connects, calls, reads, writes and ends; every failure is one CommunicationError line.

    Trust is pinned to the plant certificate of the secrets folder and checked against its authority and revocation
    list; a channel without encryption is never used for a session.
    """

    def __init__(
        self,
        endpoint: str,
        secrets: Path,
        clock: WallClock,
        *,
        account: Account | None = None,
        timeouts: Timeouts | None = None,
        policy: str = DEFAULT_POLICY,
    ) -> None:
        self.endpoint = _checked_endpoint(endpoint)
        self._secrets, self._clock = secrets, clock
        self.account, self.timeouts = account or Account(), timeouts or Timeouts()
        self._policy = policy
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: PlantClient | None = None
        self._index = 0
        self.warnings: tuple[str, ...] = ()
        for name in ("asyncua", "asyncuagds"):
            logging.getLogger(name).addHandler(logging.NullHandler())

    @property
    def is_open(self) -> bool:
        """True between a successful `connect` and `close`."""
        return self._client is not None

    def run(self, work: Coroutine[Any, Any, Answer], during: str) -> Answer:
        """Run one piece of work to its end. Raises CommunicationError; an interrupt cancels the work first."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        task = self._loop.create_task(work)
        try:
            return self._loop.run_until_complete(task)
        except LINK_ERRORS as error:
            raise explain(error, self.endpoint, during) from error
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    self._loop.run_until_complete(task)

    def connect(self) -> None:
        """Open channel and session. Raises CertificateError or CommunicationError naming the check that failed."""
        self.warnings = require_folder(self._secrets, self._clock.utc())
        if self.is_open:
            self.close()
        try:
            self.run(asyncio.wait_for(self._connect(), self.timeouts.connect_s), "connect")
        except CommunicationError as error:
            self._drop()
            raise self._diagnosed(error) from error

    async def _connect(self) -> None:
        client = PlantClient(self.endpoint, timeout=self.timeouts.request_s)
        client.application_uri, client.product_uri = self.account.uri, wire.NAMESPACE
        client.name, client.description = "kilter", f"kilter {self.account.application}"
        client.session_timeout = 60_000
        client._stale_check_margin = 1e9
        folder = self._secrets
        await client.set_security(
            POLICIES[self._policy],
            folder / wire.certificate_file(self.account.application),
            folder / wire.key_file(self.account.application),
            server_certificate=str(folder / wire.certificate_file(wire.PLANT_NAME)),
            mode=ua.MessageSecurityMode.SignAndEncrypt,
        )
        trust = TrustStore([folder / wire.TRUST_FOLDER], [folder / wire.CRL_FOLDER])
        await trust.load()
        checks = CertificateValidatorOptions.TRUSTED_VALIDATION | CertificateValidatorOptions.PEER_SERVER
        client.certificate_validator = CertificateValidator(checks, trust)
        client.set_user(self.account.user)
        client.set_password((folder / wire.secret_file(self.account.user)).read_text(encoding="utf-8").strip())
        await client.connect()
        self._client = client
        self._index = await client.get_namespace_index(wire.NAMESPACE)

    def _diagnosed(self, error: CommunicationError) -> CommunicationError:
        """A channel that is not answered usually has another key behind it: ask the plant for its certificate."""
        if isinstance(error, CertificateError) or not isinstance(error.__cause__, TimeoutError | ConnectionError | ua.UaError):
            return error
        if isinstance(error.__cause__, ConnectionRefusedError | ua.UaStatusCodeError):
            return error
        try:
            offered = self.run(asyncio.wait_for(self._offered_certificates(), self.timeouts.connect_s), "ask for endpoints")
        except CommunicationError:
            return error
        finally:
            self._drop()
        pinned = (self._secrets / wire.certificate_file(wire.PLANT_NAME)).read_bytes()
        if offered and pinned not in offered:
            return CertificateError(
                "the plant shows another certificate than the one pinned",
                where=f"{self.endpoint} certificate check",
                what_now="Use the secrets folder the plant uses.",
            )
        return error

    async def _offered_certificates(self) -> list[bytes]:
        client = PlantClient(self.endpoint, timeout=self.timeouts.request_s)
        return [end.ServerCertificate for end in await client.connect_and_get_server_endpoints() if end.ServerCertificate]

    def require_contract(self, register: TagRegister, mode: WireMode) -> None:
        """Raise CommunicationError unless the plant runs in `mode` with the same tag register."""
        ids = [self.node(wire.NODE_MODE), self.node(wire.NODE_REGISTER_HASH)]
        found_mode, found_hash = (d.Value.Value if d.Value is not None else None for d in self.run(self.read(ids), "read"))
        if found_mode != mode.value:
            raise CommunicationError(
                f"the plant runs {found_mode}, the engine is set to {mode.value}",
                where=self.endpoint,
                what_now="Start both in the same mode.",
            )
        if found_hash != wire.register_hash(register):
            raise CommunicationError(
                "plant and engine have different tag registers", where=self.endpoint, what_now="Give both the same tags.csv."
            )

    def node(self, identifier: str) -> ua.NodeId:
        """Return the node id of an identifier in the plant's namespace."""
        return ua.NodeId(ua.String(identifier), ua.Int16(self._index))

    async def read(self, nodes: Sequence[ua.NodeId]) -> list[ua.DataValue]:
        """Read values with status and times in one request. A bad status of a value does not raise."""
        parameters = ua.ReadParameters(TimestampsToReturn=ua.TimestampsToReturn.Both)
        parameters.NodesToRead = [ua.ReadValueId(NodeId=n, AttributeId=ua.AttributeIds.Value) for n in nodes]
        values = await self._session().read(parameters)
        if len(values) != len(nodes):
            raise ValueError(f"{len(values)} values for {len(nodes)} nodes")
        return list(values)

    async def write(self, nodes: Sequence[ua.NodeId], variants: Sequence[ua.Variant]) -> list[int]:
        """Write values in one request and return every status code."""
        parameters = ua.WriteParameters()
        for node, variant in zip(nodes, variants):
            item = ua.WriteValue(NodeId=node, AttributeId=ua.AttributeIds.Value, Value=ua.DataValue(variant))
            parameters.NodesToWrite.append(item)
        statuses = await self._session().write(parameters)
        if len(statuses) != len(nodes):
            raise ValueError(f"{len(statuses)} statuses for {len(nodes)} writes")
        return [int(status.value) for status in statuses]

    async def call(self, method: str, arguments: Sequence[ua.Variant]) -> list[ua.Variant]:
        """Call a method of the line and return its outputs. Raises the library's error for a bad status."""
        request = ua.CallMethodRequest(
            ObjectId=self.node(wire.LINE_FOLDER), MethodId=self.node(method), InputArguments=list(arguments)
        )
        (result,) = await self._session().call([request])
        result.StatusCode.check()
        return list(result.OutputArguments)

    def _session(self) -> Any:
        if self._client is None:
            raise ConnectionError("not connected")
        return self._client.uaclient.session

    def close(self) -> None:
        """End the session; never raises, never hangs."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(CommunicationError):
                self.run(asyncio.wait_for(client.disconnect(), self.timeouts.close_s), "close")
        self._drop()

    def _drop(self) -> None:
        """Cancel what is left on the private loop and close it."""
        self._client = None
        loop, self._loop = self._loop, None
        if loop is None:
            return
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=self.timeouts.close_s))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _checked_endpoint(endpoint: str) -> str:
    if not endpoint.startswith("opc.tcp://") or "@" in endpoint or any(c.isspace() for c in endpoint):
        raise CommunicationError(
            "not an OPC UA endpoint", where=endpoint[:80], what_now="Write opc.tcp://host:port/path without user or secret."
        )
    return endpoint
