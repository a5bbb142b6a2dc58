"""junit.xml: a suite for each chapter, a case for each check, with the child elements that CI systems count."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from conformance.evidence.text import block, one_line
from conformance.judging.outcomes import Outcome
from conformance.results.queries import Case, Chapter, by_chapter, cases, counts_warnings, evidence, shown, sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.results.model import ClauseRow, Results

_CHILDREN = {
    Outcome.FAILED: "failure",
    Outcome.ERROR: "error",
    Outcome.WAIVED: "skipped",
    Outcome.NOT_TESTED: "skipped",
}
_COUNTED = {"failures": "failure", "errors": "error"}


def render(results: Results) -> str:
    """The document as text."""
    results = shown(results)
    root = ElementTree.Element("testsuites", name="backups-conformance")
    for chapter in by_chapter(results):
        root.append(_suite(chapter, results))
    _count(root, root.iter("testcase"))
    ElementTree.indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ElementTree.tostring(root, encoding="unicode")


def _suite(chapter: Chapter, results: Results) -> ElementTree.Element:
    suite = ElementTree.Element(
        "testsuite", name=f"{chapter.id} {chapter.title}", timestamp=results["run"]["started"].rstrip("Z")
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(results).items():
        ElementTree.SubElement(properties, "property", name=name, value=one_line(str(value)))
    for clause in chapter.clauses:
        for case in cases(clause):
            suite.append(_case(clause, case, strict=counts_warnings(results, clause)))
    _count(suite, suite.iter("testcase"))
    # The XSD of Jenkins' xunit plugin allows it on each suite, but not on the root.
    suite.set("skipped", str(sum(1 for _ in suite.iter("skipped"))))
    return suite


def _properties(results: Results) -> dict[str, object]:
    return {
        "run": results["run"]["id"],
        "verdict": results["verdict"],
        "headline": results["headline"],
        "suite_version": results["suite"]["version"],
        "target": results["target"]["name"],
        "base_url": results["target"]["base_url"],
        "seed": results["run"]["seed"],
        "profile": results["run"]["profile"],
    }


def _case(clause: ClauseRow, case: Case, *, strict: bool) -> ElementTree.Element:
    element = ElementTree.Element(
        "testcase", classname=clause["id"], name=one_line(case.id), time=f"{case.duration_s:.3f}"
    )
    reason = one_line(case.reason or clause["reason"])
    tag = "failure" if strict and case.outcome is Outcome.WARNED else _CHILDREN.get(case.outcome)
    if case.outcome is Outcome.WAIVED:
        reason = f"waived: {reason}"
    if tag == "skipped":
        ElementTree.SubElement(element, tag, message=reason)
    elif tag is not None:
        child = ElementTree.SubElement(element, tag, message=reason, type=f"{clause['level']} {clause['id']}")
        child.text = _details(clause, case)
    elif case.outcome is Outcome.WARNED:
        ElementTree.SubElement(element, "system-out").text = f"warned: {reason}\n{_details(clause, case)}"
    return element


def _details(clause: ClauseRow, case: Case) -> str:
    lines = [f"{clause['id']} ({clause['level']}): {clause['title']}", f"source: {'; '.join(sources(clause))}"]
    for finding in case.check["findings"][:10] if case.check else []:
        lines += ["", f"wanted: {one_line(finding['wanted'])}", f"got:    {one_line(finding['got'])}"]
        if finding["pointer"] is not None:
            lines.append(f"at:     {one_line(finding['pointer'] or '(the whole body)')}")
        exchange = case.check and evidence(case.check, finding)
        if exchange:
            lines.append(block(exchange["curl"], lines=20))
    return "\n".join(lines)


def _count(element: ElementTree.Element, testcases: Iterable[ElementTree.Element]) -> None:
    cases = list(testcases)
    element.set("tests", str(len(cases)))
    for attribute, tag in _COUNTED.items():
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")
