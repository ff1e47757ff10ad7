"""How a message leaves this machine: by a command, or a webhook. What it says is unknown here."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from mls_assets.configuration.credentials import is_loopback
from mls_assets.errors import ConfigurationError

#: Names the command or webhook.
HOOK_VARIABLE = "MLS_ASSETS_ALERT"
#: Seconds for one message; a tick has sixty for all it does.
_COMMAND_SECONDS, _WEBHOOK_SECONDS = 20.0, (5.0, 10.0)

#: What a command gets of our environment: no token, no address with a password.
_LENT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR")


class HookFailed(Exception):
    """A message could not be handed over; one sentence, without the webhook's address."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Exactly one of both: a command, or the address of a webhook."""

    command: tuple[str, ...] = ()
    url: str = ""

    def send(self, message: str) -> None:
        """Hand over one message (JSON); raises HookFailed.

        A command gets it on standard input, and of our environment no more than where it runs; a
        webhook gets it as the body of a POST, and is not followed elsewhere.
        """
        if self.url:
            self._post(message)
        else:
            self._run(message)

    def _run(self, message: str) -> None:
        environment = {name: os.environ[name] for name in _LENT if name in os.environ}
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
                self.command,
                input=message.encode(),
                # a child that it leaves behind would hold pipes open
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_COMMAND_SECONDS,
                env=environment,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HookFailed(
                f"The alert command {self.command[0]} did not do its work ({type(error).__name__})."
            ) from None
        if done.returncode:
            raise HookFailed(
                f"The alert command {self.command[0]} ended with code {done.returncode}."
            )

    def _post(self, message: str) -> None:
        try:
            answer = requests.post(
                self.url,
                data=message.encode(),
                headers={"Content-Type": "application/json"},
                timeout=_WEBHOOK_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            # its text quotes the address, which is a secret with most services
            raise HookFailed(
                f"The alert webhook could not be reached ({type(error).__name__})."
            ) from None
        if not answer.ok or answer.is_redirect:
            raise HookFailed(f"The alert webhook answered {answer.status_code}.")


def hook_from_environment(environ: Mapping[str, str] | None = None) -> Hook | None:
    """Return the hook that MLS_ASSETS_ALERT names, None without one.

    Raises ConfigurationError for an address that is neither https nor on this machine.
    """
    environ = os.environ if environ is None else environ
    named = environ.get(HOOK_VARIABLE, "").strip()
    if not named:
        return None
    if "://" not in named.split()[0]:
        return Hook(command=tuple(_words(named)))
    try:
        parts = urlsplit(named)
        scheme, host = parts.scheme, parts.hostname or ""
    except ValueError:
        scheme, host = "", ""
    allowed = host and (scheme == "https" or (scheme == "http" and is_loopback(host)))
    if not allowed:
        raise ConfigurationError(
            f"{HOOK_VARIABLE} names a webhook that is refused: https only (plain http to loopback "
            "addresses alone). No alert is sent."
        )
    return Hook(url=named)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ConfigurationError(
            f"{HOOK_VARIABLE} cannot be read as a command ({error}). No alert is sent."
        ) from None
