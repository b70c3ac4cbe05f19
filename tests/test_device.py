import pytest
import torch

from src import device
from src.errors import UserError
from src.params import RuntimeParams


def test_auto_is_the_processor_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.choose(RuntimeParams(threads=1)) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.choose(RuntimeParams(threads=1)) == torch.device("cuda")


def test_threads_are_as_many_as_params_say() -> None:
    before = torch.get_num_threads()
    try:
        chosen = device.choose(RuntimeParams(device="cpu", threads=3))
        assert device.hardware(chosen)["threads"] == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["gpu", "cuda:77"])
def test_a_device_that_is_not_there_is_named_with_the_cure(name: str) -> None:
    with pytest.raises(UserError, match=rf"runtime\.device '{name}' cannot be used here \(.+\); try auto or cpu"):
        device.choose(RuntimeParams(device=name, threads=1))


def test_a_timing_says_what_it_was_measured_on_and_its_peak_of_memory() -> None:
    found = device.hardware(torch.device("cpu"))
    assert found.keys() == {"device", "threads", "processor", "peak_memory_mb"}
    assert len(str(found["processor"])) > 2
    assert found["peak_memory_mb"] > 50  # torch alone takes more
