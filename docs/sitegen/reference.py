"""Reference pages made from the code: the command line, file formats, shapes, faults and variants."""

from __future__ import annotations

import argparse
import html
import json
from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from conformance import __version__
from conformance.cli.arguments import HelpFormatter
from conformance.cli.main import build_parser
from conformance.contract import catalogue
from conformance.contract.error_codes import published_codes
from conformance.contract.schemas import schemas
from conformance.qualification.page import headline
from conformance.reference.registry import Fault, all_changes
from sitegen import openapi
from sitegen.clauses import cell, operation_titles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.contract.catalogue import Clause
    from conformance.reference.registry import Change

MAX_DEPTH = 6
#: characters of a line of code that a page shows at 1280 pixels without scrolling
PAGE_WIDTH = 68


def cli() -> str:
    """Every command with its arguments, from the parsers themselves."""
    parser, commands = build_parser()
    helps = command_helps(parser)
    rows = [f"| [`{name}`](#{name}) | {cell(helps.get(name, ''))} |" for name in commands]
    table = "\n".join(["| Command | Does |", "|---|---|", *rows])
    sections = [command_section(name, command) for name, command in commands.items()]
    return "\n\n".join([f"```text\n{usage(parser)}\n```", table, *sections])


def command_helps(parser: argparse.ArgumentParser) -> dict[str, str]:
    """The one-line help of each command."""
    return {
        choice.dest: choice.help or ""
        for action in parser._actions  # noqa: SLF001 - argparse has no public way to list its actions
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
        for choice in action._choices_actions  # noqa: SLF001
    }


def usage(parser: argparse.ArgumentParser) -> str:
    """The usage, wrapped for a page."""
    formatter = HelpFormatter(parser.prog, width=PAGE_WIDTH)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups)  # noqa: SLF001
    return formatter.format_help().strip()


def epilog(parser: argparse.ArgumentParser) -> str:
    """The end of the help, with examples and exit codes, wrapped for a page."""
    formatter = HelpFormatter(parser.prog, width=PAGE_WIDTH)
    formatter.add_text(parser.epilog)
    return formatter.format_help().strip()


def command_section(name: str, command: argparse.ArgumentParser) -> str:
    """Description, usage, arguments and epilog of one command."""
    parts = [f"## {name} {{ #{name} }}", command.description or "", f"```text\n{usage(command)}\n```"]
    for group in command._action_groups:  # noqa: SLF001
        actions = [action for action in group._group_actions if action.help != argparse.SUPPRESS]  # noqa: SLF001
        if rows := [argument_row(action) for action in actions if "--help" not in action.option_strings]:
            title = (group.title or "options").capitalize()
            parts.append("\n".join([f"| {title} | Does |", "|---|---|", *rows]))
    if command.epilog:
        parts.append(f"```text\n{epilog(command)}\n```")
    return "\n\n".join(part for part in parts if part)


def argument_row(action: argparse.Action) -> str:
    """One argument as a row: its spelling, and its help with the default filled in."""
    value = "" if action.nargs == 0 else str(action.metavar or "|".join(map(str, action.choices or ())) or action.dest)
    spelling = " ".join(filter(None, (", ".join(action.option_strings), value)))
    text = (action.help or "") % {**vars(action), "prog": ""}
    return f"| `{spelling}` | {cell(html.escape(text, quote=False))} |"


def schema_table(name: str) -> str:
    """The members of a file format, a row each, from its JSON Schema in `schemas/`."""
    schema = json.loads((openapi.SCHEMAS / name).read_text("utf-8"))
    rows = [f"| `{path}` | {cell(kind)} | {cell(text)} |" for path, kind, text in members(schema, schema, "", 0)]
    return "\n".join(["| Member | Type | Meaning |", "|---|---|---|", *rows])


def members(root: dict[str, Any], schema: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, str, str]]:
    """Path, type and description of each member of an object, those of nested objects and arrays included."""
    if depth > MAX_DEPTH:
        return
    for name, raw in schema.get("properties", {}).items():
        member = resolved(root, raw)
        place = f"{path}{name}"
        required = "" if name in schema.get("required", ()) else ", optional"
        yield place, kind_of(root, member) + required, described(member)
        item = resolved(root, member.get("items", {}))
        yield from members(root, member, f"{place}.", depth + 1)
        yield from members(root, item, f"{place}[].", depth + 1)
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        yield from members(root, resolved(root, values), f"{path}*.", depth + 1)


def resolved(root: dict[str, Any], schema: Any) -> dict[str, Any]:
    """The schema that a local reference leads to, with what stands beside the reference."""
    if not isinstance(schema, dict):
        return {}
    if "$ref" not in schema:
        return schema
    target: Any = root
    for step in schema["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def kind_of(root: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in words: `string`, `array of object`, `"a" or "b"`."""
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return " or ".join(dict.fromkeys(kind_of(root, resolved(root, choice)) for choice in schema[keyword]))
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    item = resolved(root, schema.get("items", {}))
    return " or ".join(f"array of {kind_of(root, item)}" if kind == "array" and item else kind for kind in kinds)


def described(schema: dict[str, Any]) -> str:
    """The description of a member with its default."""
    text = str(schema.get("description", ""))
    return f"{text} Default: `{json.dumps(schema['default'])}`." if "default" in schema else text


def schema_if_published(name: str) -> str:
    """A section with the members of a file format, or nothing before the format has a schema."""
    if not (openapi.SCHEMAS / name).is_file():
        return ""
    return f"## Members\n\nFrom its [JSON Schema](../schemas/{name}).\n\n{schema_table(name)}"


def editions() -> str:
    """A row for each edition: what it added."""
    added: dict[str, list[Clause]] = defaultdict(list)
    for clause in catalogue.load():
        added[clause.since].append(clause)
    rows: list[str] = []
    total = 0
    for edition, members_of in sorted(added.items()):
        total += len(members_of)
        new = f"{total}, {links(clause.id for clause in members_of)} among them" if rows else f"{total}"
        rows.append(f"| {edition} | {new} |")
    return "\n".join(rows)


def error_codes() -> str:
    """The published codes, a row for each status."""
    by_status: dict[str, list[str]] = defaultdict(list)
    for code in published_codes():
        by_status[code.partition(".")[0]].append(f"`{code}`")
    rows = [f"| {status} | {', '.join(codes)} |" for status, codes in sorted(by_status.items())]
    return "\n".join(["| Status | Codes |", "|---|---|", *rows])


def action_inputs() -> str:
    """The inputs of the GitHub action, as rows."""
    action = yaml.safe_load((openapi.SCHEMAS.parent / "action.yml").read_text("utf-8"))
    rows = []
    for name, given in action["inputs"].items():
        default = f"`{given['default']}`" if given.get("default") else ""
        rows.append(f"| `{name}` | {default} | {cell(given['description'])} |")
    return "\n".join(rows)


def shapes() -> str:
    """Every shape of the contract with its members."""
    parts = []
    for name, schema in schemas().items():
        parts.append(f"### {schema['title']} {{ #{name.removesuffix('.json')} }}\n\n{schema['description']}")
        if schema.get("properties"):
            rows = [shape_row(schema, member, value) for member, value in schema["properties"].items()]
            parts.append("\n".join(["| Member | Type | Presence |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def shape_row(schema: dict[str, Any], name: str, value: dict[str, Any]) -> str:
    """One member of a shape."""
    required = "required" if name in schema.get("required", ()) else "optional"
    return f"| `{name}` | {shape_kind(value)} | {required} |"


def shape_kind(value: dict[str, Any]) -> str:
    """The type of a member, with a link where it is another shape."""
    if "$ref" in value:
        target = schemas()[value["$ref"]]
        return f"[{target['title']}](#{value['$ref'].removesuffix('.json')})"
    if "enum" in value:
        return " or ".join(f"`{choice}`" for choice in value["enum"])
    kinds = value.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    inner = value.get("items") or value.get("additionalProperties")
    words = []
    for kind in kinds:
        nested = f" of {shape_kind(inner)}" if kind in ("array", "object") and isinstance(inner, dict) else ""
        words.append(f"{kind}{nested}")
    return " or ".join(words)


def operations() -> str:
    """The operations of the contract."""
    document = yaml.safe_load(openapi.SOURCE.read_text("utf-8"))
    lines = ["| Operation | Request | Success | Capability |", "|---|---|---|---|"]
    for item in document["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and "operationId" in operation:
                name = operation["operationId"]
                success = min(operation["responses"])
                lines.append(f"| {name} | `{operation_titles()[name]}` | {success} | `{operation['x-capability']}` |")
    return "\n".join(lines)


def faults() -> str:
    """Every named fault of the reference server by the chapter of its first clause, and every legal variant."""
    by_chapter: dict[str, list[Fault]] = defaultdict(list)
    variants: list[Change] = []
    for _, change in sorted(all_changes().items()):
        if isinstance(change, Fault):
            by_chapter[change.breaks[0].partition("-")[0]].append(change)
        else:
            variants.append(change)
    parts = []
    for chapter, members_of in by_chapter.items():
        rows = [f"| `{fault.name}` | {cell(fault.sentence)} | {links(fault.breaks)} |" for fault in members_of]
        parts.append("\n".join([f"### {chapter}", "", "| Fault | The server then | Breaks |", "|---|---|---|", *rows]))
    rows = [f"| `{variant.name}` | {cell(variant.sentence)} |" for variant in variants]
    legal = "\n".join(["## Legal variants", "", "| Variant | The server then |", "|---|---|", *rows])
    return "\n\n".join(["## Faults", *parts, legal])


def published_score() -> dict[str, Any]:
    """The score of the last published qualification."""
    score: dict[str, Any] = json.loads(files("conformance").joinpath("qualification.json").read_text("utf-8"))
    return score


def score() -> str:
    """The figures of the last published qualification, and the version that they are of."""
    published = published_score()
    measured = (
        f"On {published['run']['started'][:10]}, version {published['suite']['version']} had: {headline(published)}."
    )
    return measured if is_of_this_version(published) else f"{measured} This version has not been measured yet."


def score_note() -> str:
    """A warning where the published qualification is of another version or catalogue; nothing where it is of this."""
    published = published_score()
    if is_of_this_version(published):
        return ""
    return (
        f'!!! warning "These figures are of version {published["suite"]["version"]}"\n\n'
        f"    Version {__version__} has not been measured yet. Clauses, checks, faults and variants that it added or "
        "changed are not among these figures."
    )


def is_of_this_version(published: dict[str, Any]) -> bool:
    """Whether a score is of this version and of its clauses."""
    suite: dict[str, str] = published["suite"]
    return (suite["version"], suite["catalogue_sha256"]) == (__version__, catalogue.load().sha256)


def links(clause_ids: Iterable[str]) -> str:
    """Links to clause pages, from a page in `reference/`."""
    return ", ".join(f"[{clause_id}](../clauses/{clause_id}.md)" for clause_id in clause_ids)
