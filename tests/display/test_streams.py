import errno
import io
import os
import subprocess
import sys

import pytest

from pinnrun.display.streams import LineWriter, text_width, wants_colour


def test_lines_are_written_whole_and_at_once(tmp_path):
    path = tmp_path / "log"
    with path.open("w") as stream:
        LineWriter(stream).write("x" * 500)
        assert path.read_text() == "x" * 500 + "\n"


def test_a_reader_that_left_is_no_error():
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        writer = LineWriter(stream)
        writer.write("heard")
        assert os.read(reading, 100) == b"heard\n"
        os.close(reading)
        writer.write("unheard")
        writer.write("unheard too")


def test_a_closed_stream_is_no_error():
    stream = io.StringIO()
    stream.close()
    LineWriter(stream).write("unheard")


def test_a_full_non_blocking_pipe_loses_a_line_but_not_the_rest():
    class Full(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise BlockingIOError(errno.EAGAIN, "full")
            return super().write(text)

    stream = Full()
    writer = LineWriter(stream)
    writer.write("lost")
    stream.full = False
    writer.write("kept")
    assert stream.getvalue() == "kept\n"


def test_what_the_encoding_lacks_becomes_a_question_mark():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    LineWriter(stream).write("1 Å · ▇")
    assert raw.getvalue() == b"1 ? ? ?\n"


def test_python_ends_cleanly_when_the_reader_of_standard_error_left():
    code = (
        "import sys\nfrom pinnrun.display import make_display\n"
        "display = make_display('plain')\nsys.stdin.read()\n"
        "for _ in range(3): display.event('x' * 100)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr and process.stdin
    process.stderr.close()
    process.stdin.close()
    assert process.wait(30) == 0


class Pipe(io.StringIO):
    pass


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "wanted"),
    [
        (Tty(), {"TERM": "xterm"}, True),
        (Tty(), {"TERM": "dumb"}, False),
        (Tty(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Tty(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Pipe(), {"TERM": "xterm"}, False),
        (Pipe(), {"FORCE_COLOR": "1"}, True),
        (Pipe(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_follows_the_conventions(stream, environ, wanted):
    assert wants_colour(stream, environ) is wanted


def test_text_is_as_wide_as_the_terminal_within_reason(terminal):
    assert text_width(terminal.stream) == 80
    assert text_width(terminal.stream, least=90) == 90
    assert text_width(terminal.stream, least=40, most=60) == 60
    assert text_width(io.StringIO()) == 80
