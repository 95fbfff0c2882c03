"""Rows on disk: no damage is taken for a row, and none ends a reader."""

import json
import math
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_jax.logs import row_files
from gan_jax.logs.row_files import append_rows, read_rows

ROW = {
    "step": 20,
    "wall_seconds": 1.5,
    "d_loss": 1.38,
    "g_loss": math.nan,
    "d_grad_norm": 0.5,
    "g_grad_norm": 0.25,
    "real_logits": 1e-3,
    "fake_logits": -3e10,
    "finite": False,
    "seed": 3,
}
EVENT = {"step": 20, "sign": "logit_blow_up"}
RESTORED = {"step": 0, "restored": 1, "fault": {"step": 9, "term": "d_loss"}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_a_line_is_json_that_ends_with_the_crc32_of_the_rest(path):
    append_rows(path, [ROW])
    line = path.read_text().removesuffix("\n")
    body, checksum = line[:-1].split(', "crc32": ')
    assert int(checksum) == zlib.crc32(f"{body}}}".encode())
    assert json.loads(line) == ROW | {"g_loss": None, "crc32": int(checksum)}
    (row,) = read_rows(path)
    assert math.isnan(row.pop("g_loss")) and row.items() <= ROW.items()


def rows_and_damage(path, lines_of_it):
    path.write_bytes(b"".join(line + b"\n" for line in lines_of_it))
    found = row_files.read_row_file(path)
    return [row["step"] for row in found.rows.values()], found.damage


def sealed(*steps):
    return [row_files.encode_row(ROW | {"step": step}).encode() for step in steps]


def test_every_flipped_bit_of_a_line_is_noticed(path):
    first, line, last = sealed(1, 20, 40)
    flipped = [
        line[:place] + bytes([line[place] ^ 1 << bit]) + line[place + 1 :]
        for place in range(len(line))
        for bit in range(8)
    ]
    steps, damage = rows_and_damage(path, [first, *flipped, last])
    assert steps == [1, 40]
    assert len(damage) == len(flipped) + sum(one.count(b"\n") for one in flipped)


def test_every_cut_of_a_line_is_noticed(path):
    first, line = sealed(1, 20)
    cut = [part for n in range(1, len(line)) for part in (line[:n], line[-n:])]
    steps, damage = rows_and_damage(path, [first, *cut])
    assert steps == [1] and len(damage) == len(cut)


@pytest.mark.parametrize("old", [True, False])
def test_any_bytes_between_rows_are_left_out_and_told(path, old):
    plain = ROW | {"g_loss": 1.0}
    rows = [json.dumps(plain | {"step": step}).encode() for step in (1, 2)]
    first, last = rows if old else sealed(1, 2)

    @settings(derandomize=True, deadline=None, database=None, max_examples=100)
    @given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
    def search(odd):
        steps, damage = rows_and_damage(path, [first, odd, last])
        assert steps == [1, 2]
        assert damage[0][0] == 2 and len(damage) == 1 + odd.count(b"\n")

    search()


WRONG = [
    "[1]",
    "3",
    "null",
    '"text"',
    "{}",
    '{"step": 3}',
    "[" * 100_000,
    '{"a":' * 100_000,
    json.dumps(ROW | {"step": None}),
    json.dumps(ROW | {"step": "20"}),
    json.dumps(ROW | {"step": True}),
    json.dumps(ROW | {"step": 2.5}),
    json.dumps(ROW | {"step": -1}),
    json.dumps(ROW | {"step": 10**30}),
    json.dumps(ROW | {"finite": 1}),
    json.dumps(ROW | {"finite": None}),
    json.dumps(ROW | {"wall_seconds": None}),
    json.dumps(ROW | {"d_loss": "1.0"}),
    json.dumps(ROW | {"d_loss": [1.0]}),
    json.dumps(ROW | {"d_loss": 10**400}),
    json.dumps(ROW | {"other": {}}),
    *(json.dumps({k: ROW[k] for k in ROW if k != name}) for name in list(ROW)[:-1]),
]
"""Lines without a checksum that are no rows of a run."""


@pytest.mark.parametrize("wrong", WRONG, ids=lambda text: text[:30])
def test_an_old_line_that_is_no_row_is_left_out_and_told(wrong, path):
    good = json.dumps(ROW | {"g_loss": None}).encode()
    steps, damage = rows_and_damage(path, [good, wrong.encode(), good + b" "])
    assert steps == [20, 20] and [line for line, _ in damage] == [2]


@pytest.mark.parametrize(
    "wrong",
    [{"step": 3}, {"sign": "x"}, {"step": 3, "sign": 4}, {"step": 1, "restored": 1}]
    + [RESTORED | {"fault": wrong} for wrong in (None, {}, {"step": 1}, {"term": "x"})],
)
def test_an_event_that_is_none_is_left_out(wrong, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (EVENT, wrong, RESTORED)))
    assert read_rows(path) == [EVENT, RESTORED]


def test_a_row_whose_checksum_was_cut_off_is_none_among_those_that_have_one(path):
    bare = json.dumps(ROW | {"g_loss": None}).encode()
    assert rows_and_damage(path, [bare])[0] == [20]
    steps, damage = rows_and_damage(path, [*sealed(1), bare])
    assert steps == [1] and damage == [(2, "it does not end with a checksum")]


def test_a_row_added_after_a_line_that_was_cut_off_is_whole(path):
    append_rows(path, [ROW])
    with path.open("a") as file:
        file.write('{"step": 2')
    append_rows(path, [ROW | {"step": 40}])
    append_rows(path, [ROW | {"step": 60}])
    assert [row["step"] for row in read_rows(path)] == [20, 40, 60]
