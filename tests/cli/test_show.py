"""Samples as text and as a picture, for every kind of input and target."""

import re

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.cli.main import main
from harness.cli.show.figure import draw_samples, drawable
from harness.cli.show.text import rare_steps, samples_as_text
from harness.tasks import (
    Split,
    Task,
    TaskSpec,
    load_mnist,
    load_next_char,
    make_adding,
    make_bracket_matching,
    make_delayed_recall,
    make_temporal_order,
)
from harness.tasks.task import NO_LABEL
from tests.processes import run_code


def toy(x, y, *, target="class", lengths=None, num_classes=9):
    """A task with these validation samples."""
    x, y = torch.tensor(x), torch.tensor(y)
    lengths = torch.tensor(lengths or [x.shape[1]] * len(x))
    spec = TaskSpec(
        name="toy",
        variant="plain",
        target=target,
        seq_len=x.shape[1],
        input_size=x.shape[2] if x.ndim == 3 else None,
        vocab_size=9 if x.ndim == 2 else None,
        num_classes=num_classes,
        chance_accuracy=0.5,
        data_source="generated",
        citation="",
    )

    def make_split(split, epoch):
        assert split == "val", "only validation samples may be looked at"
        return Split(x, y, lengths)

    return Task(spec, make_split)


def body(text):
    """The lines below the titles of the samples."""
    return [line for line in text.splitlines() if line.startswith("  ")]


def test_a_short_sequence_of_tokens_is_printed_in_full_with_its_class():
    text = samples_as_text(toy([[3, 1, 4, 1, 5]], [7]))
    assert text.splitlines() == [
        "toy, plain: 5 steps of tokens 0 to 8 -> class 0 to 8 (chance 0.500); data: generated",
        "",
        "validation sample 0 -> class 7",
        "  t=0  3 1 4 1 5",
    ]


@pytest.mark.parametrize("seq_len", [1, 19, 20, 21, 59, 60, 61, 79, 100, 1000])
def test_tokens_are_printed_at_their_steps_and_the_others_are_counted(seq_len):
    x = np.random.RandomState(seq_len).randint(0, 9, seq_len).tolist()
    printed, left_out = {}, 0
    for line in body(samples_as_text(toy([x], [0]))):
        if "left out" in line:
            left_out = int(re.search(r"(\d+) steps left out", line)[1])
            continue
        start, *ids = line.split()
        printed |= {int(start.removeprefix("t=")) + i: int(token) for i, token in enumerate(ids)}
    assert printed == {t: x[t] for t in printed}
    assert len(printed) + left_out == seq_len
    assert len(printed) == min(seq_len, 60)
    assert {0, seq_len - 1} <= set(printed)


def test_a_rare_token_in_the_middle_is_named():
    x = [2, 3, 4, 5] * 30
    x[57] = 1
    # after the lines of the first 40 steps, before the line of the last 20
    assert body(samples_as_text(toy([x], [0])))[2] == "  …      60 steps left out, among them 1 at t=57"


def test_values_are_rounded_to_two_digits_and_markers_stay_visible():
    x = np.full((1, 50, 2), 0.126, dtype=np.float32)
    x[0, :, 1] = 0
    x[0, [20, 33], 1] = 1
    x[0, 20, 0] = -0.001
    _, steps, values, markers = (
        samples_as_text(toy(x, [1.23456], target="value")).split("\n\n")[1].splitlines()
    )
    assert "validation sample 0 -> target 1.235" in samples_as_text(toy(x, [1.23456], target="value"))
    shown = [*range(7), 20, 33, *range(43, 50)]
    assert [int(t) for t in steps.replace("…", "").split()[1:]] == shown
    assert values.replace("…", "").split()[2:] == ["0.00" if t == 20 else "0.13" for t in shown]
    assert markers.replace("…", "").split()[2:] == ["1" if t in (20, 33) else "0" for t in shown]
    assert len(steps) == len(values) == len(markers)
    assert [line.index("…") for line in (steps, values, markers)] == [steps.index("…")] * 3


def test_one_long_feature_is_printed_at_equally_spaced_steps():
    x = np.linspace(0.01, 1, 100, dtype=np.float32).reshape(1, 100, 1)
    steps, values = body(samples_as_text(toy(x, [0])))
    shown = [int(t) for t in steps.split()[1:]]
    assert shown[0] == 0 and shown[-1] == 99
    assert len(steps) == len(values) <= 120
    assert set(np.diff(shown)) <= {7, 8}
    assert values.split()[2:] == [f"{0.01 * (t + 1):.2f}" for t in shown]


def test_many_features_are_shades_from_lowest_to_highest():
    x = np.zeros((1, 3, 10), dtype=np.float32)
    x[0, 1] = np.arange(10) - 4
    x[0, 2, 0] = -4
    scale, *rows = body(samples_as_text(toy(x, [2])))
    assert scale == "  10 features from left to right, from -4.00 ' ' to 5.00 '@'"
    # (0 + 4) / 9 is in the fifth of ten shades.
    assert rows == ["  t=0  |==========|", "  t=1  | .:-=+*#%@|", "  t=2  | =========|"]


def test_padding_is_not_printed_and_the_true_length_is():
    text = samples_as_text(toy([[1, 2, 3, 0], [4, 5, 6, 7]], [0, 1], lengths=[3, 4]))
    assert "validation sample 0 (3 steps) -> class 0\n  t=0  1 2 3\n" in text
    assert "validation sample 1 -> class 1\n  t=0  4 5 6 7" in text


def test_labels_at_steps_are_printed_with_their_steps():
    y = np.full((1, 40), NO_LABEL)
    y[0, [3, 8]] = [5, 0]
    task = toy([[1] * 40], y, target="steps")
    assert "validation sample 0 -> 2 labelled steps, t=3: 5, t=8: 0\n" in samples_as_text(task)
    y[0, 10:] = 4
    text = samples_as_text(toy([[1] * 40], y, target="steps"))
    assert "32 labelled steps, t=3: 5, t=8: 0, t=10 to 39: 4 4 4 4 4 4 … 4 4 4 4 4 4\n" in text


def test_samples_are_spread_over_the_split_and_are_at_most_as_many_as_it_has():
    task = toy([[n] for n in range(8)], list(range(8)))
    assert re.findall(r"sample (\d+) -> class (\d+)", samples_as_text(task, 4)) == [
        ("0",) * 2,
        ("2",) * 2,
        ("4",) * 2,
        ("6",) * 2,
    ]
    assert len(re.findall("validation sample", samples_as_text(task, 100))) == 8
    for ask in (lambda: samples_as_text(task, 0), lambda: draw_samples(task, None, 0)):
        with pytest.raises(ValueError, match="^count must be a whole number of at least 1, not 0"):
            ask()


def test_no_step_is_rare_where_most_steps_would_be():
    assert rare_steps(np.arange(40)) == []
    assert rare_steps(np.ones((40, 2))) == []
    assert rare_steps(np.array([0, 0, 0, 5, 0, 5])) == [3, 5]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, path: (figures.append(self), save(self, path)))
    return figures


def panels(figure):
    return [ax for ax in figure.axes if ax.get_title()]


def check(figure, path, count):
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(panels(figure)) == count
    assert panels(figure)[-1].get_xlabel() != ""
    labels = {text for ax in panels(figure) for text in (ax.get_xlabel(), ax.get_ylabel()) if text}
    assert "time step t, from 0" in labels
    width, height = figure.canvas.get_width_height()
    renderer = figure.canvas.get_renderer()
    boxes = [ax.title.get_window_extent(renderer) for ax in panels(figure)]
    boxes.append(figure._suptitle.get_window_extent(renderer))
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_adding_is_drawn_as_a_heat_map_of_its_values(tmp_path, drawn):
    task = make_adding(seq_len=100, n_val=4)
    path = draw_samples(task, tmp_path / "new" / "adding.png")
    assert path == tmp_path / "new" / "adding.png"
    check(drawn[0], path, 4)
    for number, ax in enumerate(panels(drawn[0])):
        assert np.array_equal(ax.images[0].get_array(), task.val.x[number].T)
        assert ax.get_title() == f"validation sample {number}: target {float(task.val.y[number]):.4g}"
    assert {ax.images[0].get_clim() for ax in panels(drawn[0])} == {(float(task.val.x.min()), 1.0)}


def test_a_digit_is_drawn_upright(tmp_path, drawn):
    task = load_mnist()
    path = draw_samples(task, tmp_path / "mnist.png")
    check(drawn[0], path, 4)
    for place, ax in enumerate(panels(drawn[0])):
        assert np.array_equal(ax.images[0].get_array(), task.val.x[125 * place])
        assert ax.yaxis_inverted() and not ax.xaxis_inverted()
    assert panels(drawn[0])[0].get_ylabel() == "time step t, from 0"
    assert len({ax.get_title()[-1] for ax in panels(drawn[0])}) == 4  # not four times the same class


@pytest.mark.parametrize(
    ("make", "options"),
    [(make_temporal_order, {}), (make_delayed_recall, {"seq_len": 20}), (load_mnist, {"seq_len": 784})],
)
def test_tokens_are_markers_and_one_feature_is_a_line(make, options, tmp_path, drawn):
    task = make(**options)
    path = draw_samples(task, tmp_path / "x.png", 3)
    check(drawn[0], path, 3)
    for place, ax in enumerate(panels(drawn[0])):
        (line,) = ax.lines
        number = place * len(task.val) // 3
        assert line.get_ydata().tolist() == task.val.x[number].flatten().tolist()
        assert line.get_xdata().tolist() == list(range(task.spec.seq_len))
        assert (line.get_linestyle() == "None") == (task.spec.vocab_size is not None)
        low, high = ax.get_ylim()
        assert low < line.get_ydata().min() and line.get_ydata().max() < high


@pytest.mark.parametrize("features", [None, 1, 3])
def test_labelled_steps_and_padding_are_highlighted(features, tmp_path, drawn):
    y = np.full((2, 12), NO_LABEL)
    y[:, [4, 9]] = 1
    shape = (2, 12) if features is None else (2, 12, features)
    rng = np.random.RandomState(0)
    x = rng.randint(0, 9, shape) if features is None else rng.rand(*shape).astype(np.float32)
    task = toy(x, y, target="steps", lengths=[12, 10])
    path = draw_samples(task, tmp_path / "x.png")
    check(drawn[0], path, 2)
    assert drawn[0]._suptitle.get_text().endswith("orange: labelled steps, grey: padding")
    spans = [
        sorted((patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches)
        for ax in panels(drawn[0])
    ]
    assert spans == [[(3.5, 4.5), (8.5, 9.5)], [(3.5, 4.5), (8.5, 9.5), (9.5, 11.5)]]
    if features == 3:
        assert panels(drawn[0])[0].lines[0].get_xdata().tolist() == [4, 9]


def test_an_unknown_image_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="docx"):
        draw_samples(make_adding(n_val=1), tmp_path / "x.docx")


def test_drawing_does_not_import_pyplot():
    code = "import sys, harness.cli.show.figure; print('matplotlib.pyplot' in sys.modules)"
    done = run_code(code)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("form", [["delayed_recall"], ["task=delayed_recall"]])
def test_the_command_prints_numbers_and_samples_and_draws_them(form, tmp_path, capsys):
    assert main(["show", *form, "task.seq_len=6", f"results_dir={tmp_path}"]) == 0
    out = capsys.readouterr().out
    spec = make_delayed_recall(seq_len=6).spec
    head, *blocks = out.split("\n\n")
    assert len([block for block in blocks if block.startswith("validation sample")]) == 3
    for part in (
        "6 steps of tokens 0 to 15 -> class 0 to 7 (chance 0.125); data: generated",
        f"lowest loss without memory: {spec.memoryless_loss:.4f} (nats)",
        f"solved: validation {spec.solved_rule}",
        f"source: {spec.citation}",
        "task.seq_len=6\n",
        "task.variant=separate         # separate: distractors are other symbols; shared: ",
    ):
        assert part in head
    assert (tmp_path / "samples" / "delayed_recall-separate-8-T6.png").read_bytes()[:4] == b"\x89PNG"


def test_the_command_shows_a_third_party_task_with_the_comments_of_its_yaml(tmp_path, capsys):
    yaml = tmp_path / "conf" / "task" / "mine.yaml"
    yaml.parent.mkdir(parents=True)
    yaml.write_text("# Mine.\n_target_: harness.tasks.make_parity\nseq_len: 20 # of bits\nn_train: 50\n")
    assert main(["show", "mine", f"--config-dir={tmp_path / 'conf'}", f"results_dir={tmp_path}"]) == 0
    assert "task.seq_len=20               # of bits\n  task.n_train=50\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "harness show adding"),
        (["addign"], "did you mean 'adding'"),
        (["adding", "seq_len=20"], "did you mean 'task.seq_len'"),
        (["adding", "parity"], "not 'parity'"),
        (["adding", "task.seq_len=1"], "task.seq_len"),
    ],
)
def test_wrong_input_of_the_command_is_named(arguments, part, capsys):
    assert main(["show", *arguments]) == 2
    err = capsys.readouterr().err
    assert part in err and err.count("\n") == 1


def test_an_error_in_the_users_samples_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "mine.yaml").write_text("_target_: samples_of_mine.make\n")
    (tmp_path / "samples_of_mine.py").write_text(
        "from harness.tasks import Task, TaskSpec\n\n"
        "def make():\n"
        "    shape = {'target': 'class', 'seq_len': 2, 'vocab_size': 2, 'num_classes': 2}\n"
        "    about = {'variant': 'v', 'data_source': 'generated', 'citation': 'none'}\n"
        "    spec = TaskSpec(name='mine', chance_accuracy=0.5, **shape, **about)\n"
        "    return Task(spec, lambda split, epoch: {}['samples'])\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["show", "mine", "--config-dir", "conf"]) == 2
    assert capsys.readouterr().err == "harness: samples_of_mine.py:7: KeyError: 'samples'\n"


def test_tokens_and_classes_are_printed_by_name():
    text = samples_as_text(make_bracket_matching(seq_len=12, n_train=1, n_val=1, n_test=1), count=1)
    title, line = text.splitlines()[2:]
    assert re.fullmatch(r"validation sample 0 -> class [01] \((un)?matched\)", title)
    assert re.fullmatch(r"  t=0  ([()\[\]] ){11}[)\]]", line)


def test_a_text_is_printed_without_gaps_and_its_blanks_are_visible(tmp_path):
    (tmp_path / "text.txt").write_text("ab cd\n" * 60)
    text = samples_as_text(load_next_char(path=tmp_path / "text.txt", seq_len=8), count=1)
    title, line = text.splitlines()[2:]
    assert re.fullmatch(r"validation sample 0 -> class \d \([abcd␣⏎]\)", title)
    assert re.sub("[ab␣cd⏎]{8}$", "", line) == "  t=0  "
    assert "ab␣cd⏎".startswith(line[-8:].partition("⏎")[2]) or "ab␣cd⏎" in line


def test_the_picture_writes_symbols_and_names_what_its_font_lacks(monkeypatch, tmp_path):
    written = []
    monkeypatch.setattr(Axes, "text", lambda ax, x, y, text, **look: written.append((x, int(y), text)))
    task = make_bracket_matching(seq_len=12, n_train=1, n_val=1, n_test=1)
    draw_samples(task, tmp_path / "brackets.png", count=1)
    assert written == [(t, token, "([)]"[token]) for t, token in enumerate(task.val.x[0].tolist())]
    assert [drawable(symbol) for symbol in ("(", " ", "\n", "é", "中")] == ["(", "␣", "⏎", "é", "U+4E2D"]
