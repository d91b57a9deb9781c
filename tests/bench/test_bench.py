"""The measurements' own arithmetic, and that each of them is found by its name."""

import pytest

from bench import __main__ as command
from bench.measuring import interleaved, percentile, ratios, spread, table


def test_rounds_take_turns_and_the_first_does_not_count() -> None:
    order: list[str] = []
    taken = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert [len(seconds) for seconds in taken.values()] == [2, 2]


def test_a_ratio_is_taken_within_its_round() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_a_spread_is_median_least_and_most() -> None:
    assert spread([3.0, 1.0, 2.5], " ms") == "2.5 ms (1-3)"


@pytest.mark.parametrize(("share", "value"), [(0.5, 51), (0.99, 100), (1.0, 100)])
def test_a_percentile_of_a_hundred_values(share: float, value: int) -> None:
    assert percentile(range(1, 101), share) == value


def test_a_table_is_markdown() -> None:
    assert table("Times", ("what", "ms"), [("decode", "1.5")]) == (
        "Times\n\n| what   | ms  |\n| ------ | --- |\n| decode | 1.5 |"
    )


def test_an_unknown_measurement_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["codex"]) == 2
    assert (
        "codex; there are codecs, drops, edge, evidence, lookups, mesh, night, replies, serving, suite, uploads"
        in capsys.readouterr().err
    )


def test_only_the_named_measurements_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made_up = {"one": lambda: "first table", "two": lambda: "second table"}
    monkeypatch.setattr(command, "MEASUREMENTS", made_up)
    assert command.main(["two"]) == 0
    shown = capsys.readouterr().out
    assert "second table" in shown and "first table" not in shown
