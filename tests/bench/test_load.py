"""The load generator counts right answers and refuses wrong ones. How fast anything is, is no matter for a test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.kit.constant import ANSWER
from bench.kit.load import Generator, Order, WrongAnswerError, digest, write_requests
from bench.kit.programs import Program, generator, program
from runtime.processes import free_port

BODY = ANSWER.partition(b"\r\n\r\n")[2]
REQUEST = b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def load() -> Iterator[Generator]:
    with generator() as running:
        yield running


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    port = free_port()
    command = [sys.executable, "-P", "-m", "bench.kit.constant", str(port)]
    with program("constant", command, port, tmp_path_factory.mktemp("logs") / "constant.log") as running:
        yield running


def order(constant: Program, requests: Path) -> Order:
    return Order(constant.port, str(requests), 4, 0.2, 0.1, 10, constant.pid, constant.pid)


def test_right_answers_are_counted(load: Generator, constant: Program, tmp_path: Path) -> None:
    write_requests(tmp_path / "requests", [REQUEST] * 8, [digest(BODY)] * 8)
    figures = load.measure(order(constant, tmp_path / "requests"))
    assert figures.answers > 0
    assert 0 < figures.p50 <= figures.p99
    assert figures.rate == pytest.approx(figures.answers / figures.seconds)


def test_an_answer_that_differs_from_the_verified_one_stops_the_measurement(
    load: Generator, constant: Program, tmp_path: Path
) -> None:
    write_requests(tmp_path / "requests", [REQUEST], [digest(b"something else")])
    with pytest.raises(WrongAnswerError, match="changed"):
        load.measure(order(constant, tmp_path / "requests"))


def test_a_server_that_is_gone_is_named_and_the_generator_goes_on(
    load: Generator, constant: Program, tmp_path: Path
) -> None:
    write_requests(tmp_path / "requests", [REQUEST], [digest(BODY)])
    gone = Order(free_port(), str(tmp_path / "requests"), 1, 0.1, 0.1, 10, constant.pid, constant.pid)
    with pytest.raises(WrongAnswerError):
        load.measure(gone)
    assert load.measure(order(constant, tmp_path / "requests")).answers > 0
