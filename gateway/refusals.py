"""What the wire library reports, in one line an operator can act on."""

from __future__ import annotations

from asyncua import ua
from asyncua.common.utils import ServiceError

from line.errors import CertificateError, CommunicationError

Code = ua.StatusCodes

#: Status code -> (check that failed, remedy). Certificate checks.
CERTIFICATE_CHECKS: dict[int, tuple[str, str]] = {
    Code.BadCertificateTimeInvalid: ("is expired or not yet valid", "Run kilter certs init --renew; check both clocks."),
    Code.BadCertificateUntrusted: ("is not signed by the trusted authority", "Use the secrets folder the plant uses."),
    Code.BadCertificateRevoked: ("is revoked", "Run kilter certs init --renew."),
    Code.BadCertificateUriInvalid: ("has another ApplicationUri than the application", "Run kilter certs init --renew."),
    Code.BadCertificateUseNotAllowed: ("may not be used for this role", "Run kilter certs init --renew."),
    Code.BadCertificateInvalid: ("is not valid", "Run kilter certs init --renew."),
    Code.BadSecurityChecksFailed: ("was refused", "Use the secrets folder the plant uses."),
}
#: Checks of the user token.
TOKEN_CHECKS: dict[int, tuple[str, str]] = {
    Code.BadUserAccessDenied: ("wrong user name or secret", "Use the secrets folder the plant uses."),
    Code.BadIdentityTokenRejected: ("kind of user token not offered", "Use a user name and its secret."),
    Code.BadIdentityTokenInvalid: ("user token cannot be read", "Use the secrets folder the plant uses."),
    Code.BadRequestNotAllowed: ("locked out after too many wrong secrets", "Wait one minute and correct the secret."),
}
#: Refusals of a session or a call.
SESSION_CHECKS: dict[int, tuple[str, str]] = {
    Code.BadSecurityModeInsufficient: ("refuses channels without encryption", "Use Aes256_Sha256_RsaPss, SignAndEncrypt."),
    Code.BadTooManySessions: ("has no free session", "End another client."),
    Code.BadLocked: ("is controlled by another engine", "Stop the other engine, or wait 10 s after it ended."),
    Code.BadInvalidState: ("is at another second or in another mode", "Start plant and engine anew in the same mode."),
    Code.BadOutOfRange: ("refused a set-point outside its range", "Compare the tag registers."),
    Code.BadTypeMismatch: ("refused a value of another type", "Compare the tag registers."),
}


def status_name(code: int) -> str:
    """Return the standard's name of a status code."""
    return str(ua.StatusCode(ua.UInt32(code)).name)


class StepMismatch(CommunicationError):
    """The plant stands at another second than the engine believes."""


def explain(error: BaseException, endpoint: str, during: str) -> CommunicationError:
    """Return the one-line error for what the wire library raised.

    Arguments: the error; the endpoint; `during` what was being done ("connect", "log in", "step", ...).
    Result: CertificateError for certificate and token checks, else CommunicationError.
    """
    if isinstance(error, CommunicationError):
        return error
    if isinstance(error, TimeoutError):
        return CommunicationError(
            f"the plant did not answer in time ({during})", where=endpoint, what_now="Check the plant and the network."
        )
    if isinstance(error, ua.UaStatusCodeError | ServiceError):
        return _explain_status(error, endpoint, during)
    if isinstance(error, ConnectionRefusedError):
        return CommunicationError(
            "the plant is not reachable", where=endpoint, how_much="connection refused", what_now="Start kilter plant serve."
        )
    if isinstance(error, OSError):
        reason = " ".join(str(error.strerror or error).split())[:120] or type(error).__name__
        if during == "connect":
            return CommunicationError(
                "the plant is not reachable", where=endpoint, how_much=reason, what_now="Check endpoint and network."
            )
        return CommunicationError(
            f"the link to the plant is lost ({during})", where=endpoint, how_much=reason, what_now="Check that the plant runs."
        )
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return CommunicationError(f"the plant's answer cannot be used ({during})", where=endpoint, how_much=reason)


def _explain_status(error: BaseException, endpoint: str, during: str) -> CommunicationError:
    code = int(getattr(error, "code", Code.Bad))
    name = status_name(code)
    ours = isinstance(error.__cause__, ServiceError)
    if code in CERTIFICATE_CHECKS:
        check, remedy = CERTIFICATE_CHECKS[code]
        whose = "the plant's certificate" if ours else "the engine's certificate"
        by = "" if ours else "refused by the plant: "
        return CertificateError(f"{by}{whose} {check}", where=f"{endpoint} certificate check", how_much=name, what_now=remedy)
    if code in TOKEN_CHECKS and during == "connect":
        check, remedy = TOKEN_CHECKS[code]
        return CertificateError(check, where=f"{endpoint} user check", how_much=name, what_now=remedy)
    check, remedy = SESSION_CHECKS.get(code, (f"refused ({during})", ""))
    kind = StepMismatch if code == Code.BadInvalidState and during == "step" else CommunicationError
    return kind(f"the plant {check}", where=endpoint, how_much=name, what_now=remedy)
