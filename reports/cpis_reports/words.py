"""The few words that outcomes, parties and blame are told in; everybody else imports them from here."""

from __future__ import annotations

from typing import Literal

Outcome = Literal["pass", "fail", "inconclusive", "attested"]
"""What became of a check; `attested` is a pass on a person's word."""

Party = Literal["authority", "service", "care", "harness"]

Witness = Literal["wire", "product", "person"]
"""The strongest evidence: we saw the bytes, the product's driver said so, or a person did."""

Cause = Literal["config", "harness", "not-reached"]
"""Why nothing could be decided."""

Role = Literal["authority", "service", "care"]
ScenarioOutcome = Literal["pass", "fail", "inconclusive", "not-tested"]
Verdict = Literal["pass", "fail", "inconclusive", "attested", "not-applicable", "not-tested"]
Level = Literal["MUST", "SHOULD", "MAY", "INFO"]
Status = Literal["conformant", "conformant-with-attestations", "not-conformant", "incomplete", "partial"]
