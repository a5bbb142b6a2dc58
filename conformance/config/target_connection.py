"""Reads the members of a target file about the connection: certificates and the proxy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.config import environment
from conformance.config.secrets import Key
from conformance.config.target import ClientCertificate
from conformance.config.target_checks import bundle_problem, certificate_problem, file_problem, proxy_url_problem
from conformance.config.toml_file import Document, Table, kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conformance.config.urls import HttpUrl


@dataclass(frozen=True, slots=True)
class ConnectionReader:
    """Reads members of the table [target]. Paths are relative to `folder`, the folder of the target file."""

    document: Document
    environ: Mapping[str, str]
    folder: Path

    def verify_tls(self, table: Table) -> bool | Path:
        """Whether certificates are verified, or the path of a CA bundle to verify them with."""
        value = table.raw("verify_tls")
        if value is None or isinstance(value, bool):
            return value is None or value
        if not isinstance(value, str):
            table.report("verify_tls", f"wanted true, false or the path of a CA bundle, got {kind(value)}")
        elif value.lower() in ("", "true", "false"):
            table.report(
                "verify_tls",
                "wanted true, false or the path of a CA bundle",
                f"write {value.lower() or 'true'} without quotes",
            )
        else:
            bundle = self.folder / value
            if problem := bundle_problem(bundle):
                table.report("verify_tls", f"the CA bundle {problem}", f"looked for {bundle}")
            return bundle
        return True

    def client_cert(self, table: Table) -> ClientCertificate | None:
        """A certificate and its key, in one file or in two."""
        certificate, key = self._path(table, "client_cert"), self._path(table, "client_key")
        if certificate is None:
            if key is not None:
                table.report("client_key", "goes with client_cert", "set client_cert to the certificate of this key")
            return None
        if "client_key" in table.data and key is None:
            return None
        pair = ClientCertificate(certificate, key or certificate)
        if problem := certificate_problem(pair):
            member, what, fix = problem
            table.report(member if member in table.data else "client_cert", what, fix)
        return pair

    def _path(self, table: Table, member: str) -> Path | None:
        """The path of a file: a string, or {env = "NAME"} for a variable that holds it."""
        value = table.raw(member)
        if isinstance(value, dict):
            value = self._variable(table, member, value)
        elif value is not None and (not isinstance(value, str) or not value):
            wanted = 'wanted the path of a PEM file or {env = "NAME"}'
            table.report(member, f"{wanted}, got {kind(value)}" if value != "" else f"{wanted}, got an empty string")
            value = None
        if value is None:
            return None
        path = self.folder / str(value)
        if problem := file_problem(path):
            table.report(member, f"the file {problem}", f"looked for {path}")
            return None
        return path

    def check_environment(self, url: HttpUrl, *, by_system: bool) -> None:
        """Report variables of TLS that a connection would fail with; `by_system`: no CA bundle is named."""
        if url.scheme == "https":
            for problem in environment.tls_problems(self.environ, by_system=by_system):
                self.document.report_elsewhere(problem)

    def environment_proxy(self, url: HttpUrl) -> Key | None:
        """The environment's proxy for the target; None where it has none."""
        proxy = environment.proxy_of(url, self.environ)
        if proxy is not None and (problem := environment.proxy_problem(proxy)):
            self.document.report_elsewhere(problem)
        return proxy

    def proxy(self, table: Table) -> Key | None:
        """The URL of a proxy: a string, or {env = "NAME"} where it holds a password."""
        value = table.raw("proxy")
        variable = value.get("env") if isinstance(value, dict) else None
        if isinstance(value, dict):
            value = self._variable(table, "proxy", value)
        elif value is not None and not isinstance(value, str):
            table.report("proxy", f'wanted a URL or {{env = "NAME"}}, got {kind(value)}')
            value = None
        if value is None:
            return None
        if problem := proxy_url_problem(value):
            table.report(
                "proxy", f"is not the URL of a proxy: {problem}", "write it like http://proxy.example.test:3128"
            )
            return None
        return Key("proxy", value, str(variable) if variable else "HTTPS_PROXY")

    def _variable(self, table: Table, member: str, value: dict[str, object]) -> str | None:
        """The value of {env = "NAME"}."""
        source = Table(self.document, (*table.path, member), value)
        variable = source.string("env", required=True)
        source.finish()
        if variable is not None and not self.environ.get(variable):
            table.report(member, f"environment variable {variable} is not set", "set it")
        return self.environ.get(variable) or None if variable is not None else None
