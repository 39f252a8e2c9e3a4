"""docs/benchmarks.md: each part keeps to its own section, and a selection to its own rows."""

from __future__ import annotations

import pytest

from tests.bench.tables import BadDocument, merged, rows_of, section, table, with_section

_HEADER = ("case", "ours")


def test_each_part_writes_its_own_section_and_leaves_the_others_alone() -> None:
    text = with_section("", "machine", "costs")
    text = with_section(text, "speech", "first")
    text = with_section(text, "cost", "memory")
    again = with_section(text, "speech", "second\n\nthird")
    assert section(again, "speech") == "second\n\nthird"
    assert (section(again, "machine"), section(again, "cost")) == ("costs", "memory")
    assert again.startswith("# Benchmarks\n")
    assert with_section(again, "speech", "first") == text


def test_a_document_from_before_the_marks_is_begun_anew() -> None:
    text = with_section("# Benchmarks\n\n| old | table |\n", "machine", "new")
    assert "old" not in text
    assert section(text, "machine") == "new"


@pytest.mark.parametrize("broken", ["<!-- bench a begin -->\nx", "x<!-- bench a end -->\n<!-- bench a begin -->"])
def test_marks_that_do_not_fit_are_told_and_not_guessed_at(broken: str) -> None:
    with pytest.raises(BadDocument):
        with_section(broken, "a", "body")


def test_a_table_is_read_back_as_it_was_written() -> None:
    rows = [("24", "3.31, 0.94"), ("48", ""), ("cut-4", "a / b")]
    assert rows_of(f"head\n\n{table(_HEADER, rows)}\n\nfoot", _HEADER) == rows
    assert rows_of(table(("other", "header"), rows), _HEADER) == []


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert rows_of(table(_HEADER, [("x", "a|b")]), _HEADER) == [("x", "a/b")]


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="3 cells"):
        table(_HEADER, [("a", "b", "c")])


def test_a_selection_replaces_its_rows_and_keeps_the_rest_in_order() -> None:
    old = [("24", "old"), ("48", "old"), ("gone", "old")]
    assert merged(old, [("48", "new"), ("12", "new")], ["12", "24", "48"]) == [
        ("12", "new"),
        ("24", "old"),
        ("48", "new"),
    ]
