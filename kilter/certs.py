"""`kilter certs`: the line's own certificate authority and its users' secrets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.certificates import VALIDITY_DAYS, create_authority
from gateway.secrets_check import check_folder
from line.clock import SystemClock

app = typer.Typer(help="Certificates and secrets of the OPC UA link.", no_args_is_help=True)
Secrets = Annotated[Path, typer.Option(help="Folder of certificates, keys and secrets; never commit it.")]


@app.command()
def init(
    secrets: Secrets = Path("secrets"),
    renew: Annotated[bool, typer.Option("--renew", help="Replace everything that is there.")] = False,
    host: Annotated[list[str] | None, typer.Option(help="Name or address of the plant's server; may be repeated.")] = None,
    days: Annotated[int, typer.Option(help="Validity in days.", min=1, max=3650)] = VALIDITY_DAYS,
) -> None:
    """Make an authority, certificates for plant, engine and viewer, and generated secrets for their users."""
    hosts = tuple(host) if host else ("localhost", "127.0.0.1")
    written = create_authority(secrets, SystemClock(), renew=renew, hosts=hosts, validity_days=days)
    sys.stdout.write(f"{len(written)} files in {secrets}: keys and secrets are readable by you only; keep them out of git.\n")


@app.command("list")
def list_(secrets: Secrets = Path("secrets")) -> None:
    """Check the secrets folder: what is wrong, and what expires soon. Exit 1 if anything is wrong."""
    found = check_folder(secrets, SystemClock().utc())
    for word, lines in (("fault", found.faults), ("warning", found.warnings)):
        for line in lines:
            sys.stdout.write(f"{word}: {line}\n")
    if not found.faults:
        sys.stdout.write(f"{secrets}: every certificate and secret is in order\n")
    raise typer.Exit(1 if found.faults else 0)
