"""Shells complete commands and options by the script that the program prints; the man page names all of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support import running

from conformance.cli import examples, main

MAN_PAGE = Path(__file__).parents[2] / "deploy" / "backups-conformance.1"

OFFERED = """
source /dev/stdin <<<"$SCRIPT"
COMP_WORDS=(backups-conformance {words}) COMP_CWORD={at}
_shtab_backups_conformance
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def script(shell: str) -> str:
    """What the command prints for a shell."""
    return subprocess.run(running.line("completion", shell), capture_output=True, text=True, check=True).stdout


def offered(*words: str) -> set[str]:
    """What bash offers for the last of the words."""
    asked = OFFERED.format(words=" ".join(words) or '""', at=len(words))
    environ = {"SCRIPT": script("bash"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", asked], env=environ, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_bash_completes_commands() -> None:
    assert offered("ver") == {"verify"}


def test_bash_completes_options_and_their_choices() -> None:
    assert offered("run", "--wai") == {"--waivers"}
    assert offered("run", "--profile", "r") == {"read"}


def test_fish_completes_commands_options_and_choices(tmp_path: Path) -> None:
    program = shutil.which("fish")
    if program is None:
        pytest.skip("there is no fish here")
    (tmp_path / "completions.fish").write_text(script("fish"), "utf-8")
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    lines = ("ver", "run --wai", "run --profile r")
    asked = ["source completions.fish", *(f"complete -C 'backups-conformance {line}'" for line in lines)]
    command = [program, "--no-config", "-c", "; ".join(asked)]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == ["verify", "--waivers", "read"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_valid_and_names_every_command(shell: str) -> None:
    text = script(shell)
    _, commands = main.build_parser()
    assert all(name in text for name in commands)
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here to read the script")
    done = subprocess.run([program, "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_shell_is_refused_in_one_line() -> None:
    done = subprocess.run(running.line("completion", "csh"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_the_man_page_names_every_command_and_option() -> None:
    text = MAN_PAGE.read_text("utf-8").replace("\\-", "-")
    _, commands = main.build_parser()
    missing = [name for name in commands if f"COMMAND \\fI\\,'backups-conformance {name}'" not in text]
    options = {
        option for command in commands.values() for action in command._actions for option in action.option_strings
    }
    missing += [option for option in options - {"-h", "--help"} if option not in text]
    missing += [
        line for shown in examples.EXAMPLES.values() for line, _ in shown if f"conformance {line}\n" not in text
    ]
    assert missing == [], "run `python tools/manpage.py`"


def test_the_man_page_is_valid_roff() -> None:
    program = shutil.which("groff")
    if program is None:
        pytest.skip("there is no groff here to read the page")
    command = [program, "-man", "-Kutf8", "-Tutf8", "-ww", "-z", str(MAN_PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    warnings = [line for line in done.stderr.splitlines() if "cannot" not in line]
    assert (done.returncode, warnings) == (0, [])
