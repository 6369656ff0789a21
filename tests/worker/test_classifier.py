"""From texts to predictions, with an engine that is no network."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.model_folders import MAX_TOKENS, WORDS, CountingEngine, sign, write_folder
from tweets.emotions import EMOTIONS
from worker.errors import ExitCode, FatalError
from worker.inference.classifier import Classifier, load_classifier
from worker.inference.model_folder import Golden, ModelFolder, open_model_folder
from worker.inference.token_batch import TokenBatch
from worker.process.metrics import Metrics

TEXTS = [" ".join(WORDS[(first + step) % 6] for step in range(length)) for first in range(6) for length in (1, 9, 3, 5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return open_model_folder(write_folder(tmp_path_factory.mktemp("model")))


class NanEngine(CountingEngine):
    """Fails on one text, as a half-precision overflow does."""

    def logits(self, tokens: TokenBatch) -> NDArray[np.float32]:
        logits = super().logits(tokens)
        logits[-1, 2] = np.nan
        return logits


def _classifier(folder: ModelFolder, engine: CountingEngine | None = None) -> Classifier:
    return Classifier(folder, engine or CountingEngine(), metrics=Metrics())


def test_predictions_come_back_in_the_order_of_the_texts(folder: ModelFolder) -> None:
    together = _classifier(folder).classify(TEXTS)
    backwards = _classifier(folder).classify(TEXTS[::-1])
    assert together[:] == backwards[::-1]
    assert len({prediction.confidence for prediction in together}) > 3


def test_a_text_gets_the_same_scores_alone_and_in_any_batch(folder: ModelFolder) -> None:
    together = _classifier(folder).classify(TEXTS)
    for text, prediction in zip(TEXTS, together, strict=True):
        (alone,) = _classifier(folder).classify([text])
        assert alone.scores == pytest.approx(prediction.scores, abs=1e-12)


def test_scores_are_a_softmax_and_the_emotion_its_maximum(folder: ModelFolder) -> None:
    for prediction in _classifier(folder).classify(TEXTS):
        assert list(prediction.scores) == list(EMOTIONS)
        assert sum(prediction.scores.values()) == pytest.approx(1)
        assert prediction.confidence == max(prediction.scores.values()) == prediction.scores[prediction.emotion]


def test_a_text_without_any_token_fails_alone_and_among_others(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "model")
    tokenizer = json.loads((path / "tokenizer.json").read_text())
    removing = {"type": "Replace", "pattern": {"String": "gone"}, "content": ""}
    changed = {**tokenizer, "normalizer": removing, "post_processor": None}
    (path / "tokenizer.json").write_text(json.dumps(changed))
    sign(path)
    classifier = _classifier(open_model_folder(path))
    assert len(classifier.classify(["feel"])) == 1
    for texts in (["gone"], ["feel", "gone"], ["gone", "feel", "so"]):
        with pytest.raises(ValueError, match="no token"):
            classifier.classify(texts)


def test_a_long_text_is_cut_to_the_models_length(folder: ModelFolder) -> None:
    engine = CountingEngine()
    _classifier(folder, engine).classify(["feel " * 500])
    assert engine.batches == [[MAX_TOKENS]]


def test_no_texts_are_no_call_of_the_engine(folder: ModelFolder) -> None:
    engine = CountingEngine()
    assert list(_classifier(folder, engine).classify([])) == []
    assert engine.batches == []


@pytest.mark.parametrize("text", ["", "   ", "https://example.org", "\x00", "\u200b"])
def test_a_text_of_which_nothing_is_left_is_classified_all_the_same(folder: ModelFolder, text: str) -> None:
    (prediction,) = _classifier(folder).classify([text])
    assert prediction.emotion in EMOTIONS


def test_a_tokenizer_without_pieces_of_words_gives_no_share_of_unfamiliar_tokens(folder: ModelFolder) -> None:
    (prediction,) = _classifier(folder).classify(["Entschuldigung"])
    assert prediction.unfamiliar_tokens is None


def test_the_normalizer_of_the_folder_is_used(folder: ModelFolder) -> None:
    raw, plain = _classifier(folder).classify(["@somebody I FEEL fine!!! https://example.org", "i feel fine"])
    assert raw == plain
    raw, plain = _classifier(replace(folder, normalizer="none")).classify(["I FEEL fine!!!", "i feel fine"])
    assert raw != plain


def test_a_higher_temperature_makes_the_model_less_sure(folder: ModelFolder) -> None:
    (cold,) = _classifier(folder).classify(["i feel fine"])
    (warm,) = _classifier(replace(folder, temperature=2.0)).classify(["i feel fine"])
    assert warm.emotion == cold.emotion
    assert warm.confidence < cold.confidence


def test_huge_logits_do_not_overflow(folder: ModelFolder) -> None:
    class Loud(CountingEngine):
        def logits(self, tokens: TokenBatch) -> NDArray[np.float32]:
            loud: NDArray[np.float32] = super().logits(tokens) * np.float32(1e6)
            return loud

    (prediction,) = _classifier(folder, Loud()).classify(["i feel fine"])
    assert prediction.confidence == pytest.approx(1)


def test_a_score_that_is_no_number_raises(folder: ModelFolder) -> None:
    with pytest.raises(FloatingPointError):
        _classifier(folder, NanEngine()).classify(TEXTS)


def test_the_stages_of_a_call_are_measured(folder: ModelFolder) -> None:
    metrics, engine = Metrics(), CountingEngine()
    Classifier(folder, engine, metrics=metrics).classify(["i feel fine", "sad"])
    value = metrics.registry.get_sample_value
    assert engine.batches == [[5, 3]]
    assert value("emotion_stage_seconds_count", {"stage": "tokenize"}) == 1
    assert value("emotion_stage_seconds_count", {"stage": "infer"}) == 1


def _golden(folder: ModelFolder, texts: Sequence[str], shift: float = 0.0) -> ModelFolder:
    scores = _classifier(folder).scores(texts) + shift
    rows = [dict(zip(EMOTIONS, row, strict=True)) for row in scores.tolist()]
    return replace(folder, golden=Golden(0.02, texts, rows))


def test_a_probe_whose_scores_agree_raises_nothing(folder: ModelFolder) -> None:
    _classifier(_golden(folder, ["i feel fine", "sad"], shift=0.019)).probe()


def test_a_probe_whose_scores_differ_is_fatal_and_names_model_and_engine(folder: ModelFolder) -> None:
    with pytest.raises(
        FatalError, match=r"tiny-1 computes wrong scores .*counting on cpu.* 0\.030, 0\.020 allowed"
    ) as caught:
        _classifier(_golden(folder, ["i feel fine", "sad"], shift=0.03)).probe()
    assert caught.value.exit_code is ExitCode.MODEL


def test_a_probe_sees_scores_that_are_no_numbers(folder: ModelFolder) -> None:
    with pytest.raises(FloatingPointError):
        _classifier(folder, NanEngine()).probe()


def test_the_onnx_engine_serves_a_folder(tmp_path: Path) -> None:
    classifier = load_classifier(write_folder(tmp_path), device="cpu")
    (prediction,) = classifier.classify(["i feel fine"])
    assert prediction.scores == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 6))
    assert (classifier.engine.name, classifier.engine.device) == ("onnx-int8", "cpu")
    assert (classifier.model_id, classifier.labels) == ("tiny-1", EMOTIONS)


def _refused(path: Path, device: str = "cpu", code: ExitCode = ExitCode.MODEL) -> str:
    with pytest.raises(FatalError) as caught:
        load_classifier(path, device=device)
    assert caught.value.exit_code is code
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_model_that_computes_wrong_scores_is_not_served(tmp_path: Path) -> None:
    wrong = dict.fromkeys(EMOTIONS, 0.0) | {"joy": 1.0}
    assert "wrong scores" in _refused(write_folder(tmp_path, golden=[{"text": "i feel fine", "scores": wrong}]))


def test_an_onnx_file_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    (path / "model.int8.onnx").write_bytes(b"no network")
    sign(path)
    assert "model.int8.onnx cannot be loaded" in _refused(path)


def test_golden_scores_of_other_labels_are_refused_in_one_line(tmp_path: Path) -> None:
    path = write_folder(tmp_path, golden=[{"text": "i feel fine", "scores": {"bored": 1.0}}])
    assert str(path) in _refused(path)


def test_a_network_with_another_number_of_labels_is_refused_in_one_line(tmp_path: Path) -> None:
    labels = {"0": "good", "1": "bad"}
    golden = [{"text": "i feel fine", "scores": {"good": 0.5, "bad": 0.5}}]
    path = write_folder(tmp_path, config={"id2label": labels}, golden=golden)
    assert str(path) in _refused(path)


def test_a_tokenizer_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    (path / "tokenizer.json").write_text("{}")
    sign(path)
    assert str(path) in _refused(path)


@pytest.mark.parametrize("name", ["torch", "transformers"])
def test_the_error_of_cuda_without_torch_names_the_extra(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    message = _refused(write_folder(tmp_path), device="cuda", code=ExitCode.SETTINGS)
    assert f"DEVICE=cuda: the package {name} cannot be imported (ModuleNotFoundError: " in message
    assert "install the extra gpu" in message


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_a_broken_torch_is_refused_in_one_line_where_there_is_a_gpu(
    tmp_path: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise OSError("libcudart.so.13: cannot open\nshared object file")

    monkeypatch.setattr("worker.inference.classifier._NVIDIA_DEVICES", (str(tmp_path),))
    monkeypatch.setattr("worker.inference.classifier.importlib.import_module", broken)
    message = _refused(write_folder(tmp_path / "model"), device=device, code=ExitCode.SETTINGS)
    assert message.startswith(
        f"DEVICE={device}: the package torch cannot be imported (OSError: libcudart.so.13: cannot"
    )
    assert "use DEVICE=cpu" in message


def test_a_broken_torch_is_not_imported_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.inference.classifier._NVIDIA_DEVICES", (str(tmp_path / "none"),))
    monkeypatch.setitem(sys.modules, "torch", None)
    assert load_classifier(write_folder(tmp_path / "model"), device="auto").engine.device == "cpu"


def test_a_model_that_computes_no_numbers_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.inference.classifier._engine", lambda *_, **__: NanEngine())
    assert str(write_folder(tmp_path)) in _refused(tmp_path)
