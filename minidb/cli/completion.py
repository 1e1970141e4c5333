"""`minidb completion SHELL`: a script that completes commands, options and choices, made of the parser itself."""

from __future__ import annotations

import argparse
from typing import Any

_BASH = """\
_minidb() {{
  local command="" words="" word="${{COMP_WORDS[COMP_CWORD]}}" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{COMP_WORDS[i]}}" in -*) ;; *) command="${{COMP_WORDS[i]}}"; break ;; esac
  done
  case "$command" in
{cases}
    *) words="{commands}" ;;
  esac
  local IFS=$'\\n'
  case "${{COMP_WORDS[COMP_CWORD-1]}}" in
    {files}) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  COMPREPLY=($(compgen -W "${{words// /$'\\n'}}" -- "$word"))
  case "$command,$word" in
    ,*|*,-*|*,) ;;
    *) COMPREPLY+=($(compgen -f -- "$word")) ;;
  esac
}}
complete -o filenames -F _minidb minidb
"""
_ZSH = """\
#compdef minidb
autoload -Uz bashcompinit && bashcompinit
{bash}"""


def add_completion(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "a script that completes commands and options in a shell"
    command = commands.add_parser(
        "completion",
        help=summary,
        description=f"Print {summary}. In bash: source <(minidb completion bash). In zsh, after compinit: "
        "source <(minidb completion zsh). In fish: minidb completion fish | source.",
    )
    command.add_argument("shell", choices=("bash", "zsh", "fish"))
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from minidb.cli import parser

    words = {name: _words(command) for name, command in _commands(parser()).items()}
    if arguments.shell == "fish":
        print(_fish(), end="")
        return 0
    cases = "\n".join(f'    {name}) words="{" ".join(found)}" ;;' for name, found in words.items())
    files = "|".join(dict.fromkeys(name for command in _commands(parser()).values() for name in _of_files(command)))
    script = _BASH.format(cases=cases, commands=" ".join([*words, "--help", "--version"]), files=files)
    print(script if arguments.shell == "bash" else _ZSH.format(bash=script), end="")
    return 0


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _shown(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in command._actions if action.help != argparse.SUPPRESS]


def _words(command: argparse.ArgumentParser) -> list[str]:
    """A command's options, its choices, and those of its own commands."""
    inner = _commands(command)
    found = [name for action in _shown(command) for name in action.option_strings if name.startswith("--")]
    found += [str(choice) for action in _shown(command) for choice in (() if inner else action.choices or ())]
    return list(dict.fromkeys([*inner, *found, *(word for each in inner.values() for word in _words(each))]))


def _of_files(command: argparse.ArgumentParser) -> list[str]:
    """Options that take a file or a folder."""
    inner = [name for each in _commands(command).values() for name in _of_files(each)]
    wanted = [action for action in _shown(command) if {"FILE", "DIR"} & set(str(action.metavar).split("|"))]
    return [*inner, *(name for action in wanted for name in action.option_strings)]


def _fish() -> str:
    from minidb.cli import parser

    lines = []
    for name, command in _commands(parser()).items():
        about = (command.description or "").replace("'", "\\'")
        lines.append(f"complete -c minidb -n __fish_use_subcommand -f -a {name} -d '{about}'")
        inside = f"complete -c minidb -n '__fish_seen_subcommand_from {name}'"
        for action in (*_shown(command), *(each for inner in _commands(command).values() for each in _shown(inner))):
            for option in action.option_strings:
                if option.startswith("--"):
                    takes = " -x" if action.choices else " -r" if action.nargs != 0 else ""
                    choices = f" -a '{' '.join(map(str, action.choices))}'" if action.choices else ""
                    lines.append(f"{inside} -l {option[2:]}{takes}{choices}")
            if not action.option_strings and action.choices:
                lines.append(f"{inside} -f -a '{' '.join(map(str, action.choices))}'")
    return "\n".join(dict.fromkeys(lines)) + "\n"
