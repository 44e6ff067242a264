"""Proofs as JUnit XML, which continuous integration shows."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from lab.keeper.proving.proofs import Proof


def junit_text(proofs: Sequence[Proof]) -> str:
    """One suite a scenario, one case a proof; void ones are errors, since they prove nothing."""
    root = ElementTree.Element("testsuites", {"name": "lab prove", **_counts(proofs)})
    for slug in dict.fromkeys(proof.scenario for proof in proofs):
        ours = [proof for proof in proofs if proof.scenario == slug]
        suite = ElementTree.SubElement(root, "testsuite", {"name": slug, **_counts(ours)})
        for proof in ours:
            name = f"{proof.play} (seed {proof.seed})"
            case = ElementTree.SubElement(suite, "testcase", classname=slug, name=name, time=f"{proof.seconds:.1f}")
            if proof.outcome != "passed":
                kind = "failure" if proof.outcome == "failed" else "error"
                found = ElementTree.SubElement(case, kind, message=f"expected {proof.expected}, got {proof.got}")
                found.text = proof.why
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _counts(proofs: Sequence[Proof]) -> dict[str, str]:
    return {
        "tests": str(len(proofs)),
        "failures": str(sum(proof.outcome == "failed" for proof in proofs)),
        "errors": str(sum(proof.outcome == "void" for proof in proofs)),
        "time": f"{sum(proof.seconds for proof in proofs):.1f}",
    }
