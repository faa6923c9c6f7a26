"""The guard between the network and the plant: default-deny, session by session and service by service.

A request is served only on a signed and encrypted channel, in an activated session, for a service on the list; a
write or call only if the gate (`Gate`) allows this user this node and this value.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from asyncua import Server, ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession, SessionState
from asyncua.server.uaprocessor import UaProcessor

from plant_sim.wire.users import LockOut, UserDirectory

MAX_SESSIONS = 8
MAX_SOCKETS = 50
MAX_SUBSCRIPTIONS = 32
MAX_QUEUE = 100
MAX_ITEMS_PER_CALL = 1000
MAX_PENDING_BYTES = 1 << 20
MAX_MESSAGE_BYTES = 1 << 20
PENDING_ACTIVATION_S = 5.0
SESSION_TIMEOUT_MAX_MS = 60_000.0
PUBLISHING_INTERVAL_MIN_MS = 100.0

Code = ua.StatusCodes
Audit = Callable[[str, Mapping[str, Any]], None]


def _encoding(*names: str) -> frozenset[ua.NodeId]:
    return frozenset(ua.NodeId(getattr(ua.ObjectIds, f"{name}Request_Encoding_DefaultBinary")) for name in names)


DISCOVERY = _encoding("GetEndpoints", "FindServers", "CloseSecureChannel")
CREATE = _encoding("CreateSession")
HANDSHAKE = _encoding("CreateSession", "ActivateSession", "CloseSession")
SERVED = _encoding(
    "Read", "Write", "Call", "Browse", "TranslateBrowsePathsToNodeIds", "RegisterNodes", "UnregisterNodes",
    "CreateSubscription", "ModifySubscription", "DeleteSubscriptions", "SetPublishingMode", "Publish", "Republish",
    "CreateMonitoredItems", "ModifyMonitoredItems", "DeleteMonitoredItems", "SetMonitoringMode",
)  # fmt: skip


class Gate(Protocol):
    """What the plant allows: implemented by the server beside this guard."""

    users: UserDirectory
    lock_out: LockOut
    audit: Audit

    def write(self, session: GuardedSession, item: ua.WriteValue) -> ua.StatusCode:
        """Return the status of one write; Good means taken."""

    async def call(self, session: GuardedSession, request: ua.CallMethodRequest) -> ua.CallMethodResult:
        """Return the result of one method call."""

    def ended(self, session: GuardedSession) -> None:
        """Take note that a session has ended."""


class GuardedSession(InternalSession):
    """One client's session. Tokens are not guessable; every service checks that the session is its own."""

    def __init__(self, internal_server: GuardedInternal, name: Any) -> None:
        super().__init__(
            internal_server,
            internal_server.aspace,
            internal_server.subscription_service,
            name,
            user=User(role=UserRole.Anonymous),
            external=False,
        )
        self.auth_token = ua.NodeId(ua.ByteString(secrets.token_bytes(32)), ua.Int16(0), ua.NodeIdType.ByteString)
        self.external = True
        self._guarded = internal_server
        self.gate: Gate = internal_server.gate
        self.address = str(name[0]) if isinstance(name, tuple) else str(name)
        self.client_certificate: bytes | None = None
        internal_server.register_external_session(self)

    @property
    def user_name(self) -> str:
        """Name of the user, empty before activation."""
        return (self.user.name or "") if self.is_activated() else ""

    async def create_session(self, params: Any, sockname: Any = None) -> Any:
        """Refuse a client without certificate; remember the one that was validated."""
        if not params.ClientCertificate:
            raise ServiceError(Code.BadCertificateInvalid)
        try:
            result = await super().create_session(params, sockname)
        except ServiceError as error:
            self._report("certificate_refused", error)
            raise
        self.client_certificate = params.ClientCertificate
        return result

    def activate_session(self, params: Any, peer_certificate: bytes | None) -> Any:
        """Activate with a user-name token on the channel whose certificate was validated; lock out after failures."""
        if not peer_certificate:
            raise ServiceError(Code.BadSecurityModeInsufficient)
        if peer_certificate != self.client_certificate:
            raise ServiceError(Code.BadCertificateInvalid)
        token = params.UserIdentityToken
        user = str(token.UserName) if isinstance(token, ua.UserNameIdentityToken) else ""
        if self.gate.lock_out.locked(user, self.address):
            self.gate.audit("login_locked", {"user": user, "address": self.address})
            raise ServiceError(Code.BadRequestNotAllowed)
        if not self.is_activated() and self._guarded.activated_sessions() >= MAX_SESSIONS:
            raise ServiceError(Code.BadTooManySessions)
        try:
            result = super().activate_session(params, peer_certificate)
        except ServiceError as error:
            if error.code == Code.BadUserAccessDenied:
                self.gate.lock_out.failed(user, self.address)
            self._report("login_refused", error, user)
            raise
        self.gate.lock_out.succeeded(user, self.address)
        self.gate.audit("login", {"user": user, "address": self.address})
        return result

    def _report(self, what: str, error: ServiceError, user: str = "") -> None:
        status = ua.StatusCode(ua.UInt32(error.code)).name
        self.gate.audit(what, {"user": user, "address": self.address, "status": status})

    async def close_session(self, delete_subs: bool = True) -> None:
        """End the session and tell the gate."""
        ending = self.is_activated()
        user = self.user_name
        await super().close_session(delete_subs)
        if ending:
            self.gate.ended(self)
            self.gate.audit("logout", {"user": user, "address": self.address})

    async def read(self, params: Any) -> Any:
        """Read at most MAX_ITEMS_PER_CALL attributes."""
        self._within(params.NodesToRead)
        return await super().read(params)

    async def browse(self, params: Any) -> Any:
        """Browse at most MAX_ITEMS_PER_CALL nodes."""
        self._within(params.NodesToBrowse)
        return await super().browse(params)

    async def write(self, params: Any) -> list[ua.StatusCode]:
        """Let the gate judge each write; nothing is written behind its back."""
        self._within(params.NodesToWrite)
        return [self.gate.write(self, item) for item in params.NodesToWrite]

    async def call(self, params: Any) -> list[ua.CallMethodResult]:
        """Let the gate judge each call."""
        self._within(params)
        return [await self.gate.call(self, request) for request in params]

    async def create_subscription(self, params: Any, callback: Any, request_callback: Any = None) -> Any:
        """Create a subscription that publishes at most ten times a second."""
        requested = float(params.RequestedPublishingInterval or 0.0)
        params.RequestedPublishingInterval = max(requested, PUBLISHING_INTERVAL_MIN_MS)
        return await super().create_subscription(params, callback, request_callback)

    async def create_monitored_items(self, params: Any) -> Any:
        """Create items on an own subscription only."""
        self._within(params.ItemsToCreate)
        self._own(params.SubscriptionId)
        return await super().create_monitored_items(params)

    async def delete_monitored_items(self, params: Any) -> Any:
        """Delete items of an own subscription only."""
        self._own(params.SubscriptionId)
        return await super().delete_monitored_items(params)

    async def delete_subscriptions(self, ids: list[int]) -> Any:
        """Delete own subscriptions only."""
        for subscription_id in ids:
            self._own(subscription_id)
        return await super().delete_subscriptions(ids)

    async def set_publishing_mode(self, params: Any) -> Any:
        """Change own subscriptions only."""
        for subscription_id in params.SubscriptionIds:
            self._own(subscription_id)
        return await super().set_publishing_mode(params)

    def _own(self, subscription_id: int) -> None:
        subscription = self.subscription_service.subscriptions.get(subscription_id)
        if subscription is not None and subscription.session_id != self.session_id:
            raise ServiceError(Code.BadSubscriptionIdInvalid)

    @staticmethod
    def _within(items: Any) -> None:
        if len(items or ()) > MAX_ITEMS_PER_CALL:
            raise ServiceError(Code.BadTooManyOperations)


class GuardedInternal(InternalServer):
    """The address space with caps, guarded sessions, and no session that moves from one channel to another."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(user_manager=gate.users)  # type: ignore[arg-type]
        self.gate = gate
        self.supported_tokens = (ua.UserNameIdentityToken,)  # type: ignore[assignment]
        self.allow_remote_admin = False
        self.max_connections = MAX_SOCKETS
        self.max_pending_activation_seconds = PENDING_ACTIVATION_S
        self.max_session_timeout_ms = SESSION_TIMEOUT_MAX_MS
        self.max_subscriptions = MAX_SUBSCRIPTIONS
        self.max_monitored_item_queue_size = MAX_QUEUE
        self.max_unacked_messages_per_subscription = MAX_QUEUE
        self.max_pending_messages_per_connection = MAX_QUEUE
        self.max_lifetime_count, self.max_keep_alive_count = 300, 100
        self.match_discovery_endpoint_url = True

    def create_session(self, name: Any, user: Any = None, external: bool = False) -> Any:
        """Return a guarded session for the network."""
        return GuardedSession(self, name)

    def lookup_external_session(self, auth_token: Any) -> None:
        """Return nothing: a session belongs to the channel that made it."""
        return None

    def activated_sessions(self) -> int:
        """Return the number of activated sessions."""
        return sum(session.is_activated() for session in self._external_sessions.values())

    async def stop(self) -> None:
        """Stop without waiting for the clock task's next second."""
        if self.time_task is not None:
            self.time_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.time_task
            self.time_task = None
        await super().stop()


class GuardedProcessor(UaProcessor):
    """Admits a request by channel, session and service before the library sees it."""

    async def _process_message(self, typeid: Any, requesthdr: Any, seqhdr: Any, body: Any) -> Any:
        self._admit(typeid, requesthdr)
        return await super()._process_message(typeid, requesthdr, seqhdr, body)

    def _admit(self, typeid: ua.NodeId, header: Any) -> None:
        if typeid in DISCOVERY:
            return
        if self._connection.security_policy.URI == SecurityPolicyNone.URI:
            raise ServiceError(Code.BadSecurityModeInsufficient)
        if typeid in CREATE:
            if self.session is not None and self.session.state is not SessionState.Closed:
                raise ServiceError(Code.BadTooManySessions)
            return
        if self.session is None or header.AuthenticationToken != self.session.auth_token:
            raise ServiceError(Code.BadSessionIdInvalid)
        if typeid in HANDSHAKE:
            return
        if not self.session.is_activated():
            raise ServiceError(Code.BadSessionNotActivated)
        if typeid not in SERVED:
            raise ServiceError(Code.BadServiceUnsupported)


class GuardedConnection(OPCUAProtocol):
    """One socket: bounded input, and idle strangers give way to newcomers when all places are taken."""

    def connection_made(self, transport: Any) -> None:
        """Admit the socket; at the cap, close the oldest one that has not logged in."""
        if len(self.clients) >= self.iserver.max_connections:
            for client in list(self.clients):
                if client.processor is None or client.processor.session is None or not client.processor.session.is_activated():
                    self.clients.remove(client)
                    if client.transport is not None:
                        client.transport.abort()
                    break
        super().connection_made(transport)
        if self.processor is not None:
            self.processor = GuardedProcessor(self.iserver, transport, self.limits)
            self.processor.set_policies(self.policies)

    def data_received(self, data: bytes) -> None:
        """Take input up to MAX_PENDING_BYTES of one unfinished message."""
        if len(self._buffer) + len(data) > MAX_PENDING_BYTES:
            if self.transport is not None:
                self.transport.abort()
            return
        super().data_received(data)


class GuardedBinaryServer(BinaryServer):
    """Makes guarded connections."""

    def _make_protocol(self) -> OPCUAProtocol:
        return GuardedConnection(self.iserver, self._policies, self.clients, self.closing_tasks, self.limits)


class GuardedServer(Server):
    """An OPC UA server behind the guard. `start` raises OSError if the port is taken."""

    async def start(self) -> None:
        """Start listening on the address of the endpoint, and on no other."""
        self.limits.max_message_size = MAX_MESSAGE_BYTES
        self.limits.max_chunk_count = MAX_MESSAGE_BYTES // self.limits.max_recv_buffer + 1
        await self._setup_server_nodes()
        await self.iserver.start()
        self.bserver = GuardedBinaryServer(self.iserver, self.endpoint.hostname or "", self.endpoint.port or 0, self.limits)
        self.bserver.set_policies(self._policies)
        try:
            await self.bserver.start()
        except OSError:
            self.bserver = None
            await self.iserver.stop()
            raise
