"""A cross-encoder in a folder: pairs are encoded as its tokenizer says, and scored by its model."""

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from app.adapters.rerank.cross_encoder import CrossEncoder
from app.domain.errors import StartupError

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("onnxruntime", "onnx", "tokenizers"))), reason="the extra minilm is not installed"
)
_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "who", "waits", "heron", "boat", "gate"]
WORDS = {word: number for number, word in enumerate(_WORDS)}


def save_model(folder: Path, *, inputs: int = 3, outputs: int = 1, name: str = "model.onnx") -> None:
    """Save a model whose score is the sum of the ids in the text, without padding, minus that of the query.

    Args:
        folder: Where to save it, with a tokenizer of ``WORDS``.
        inputs: How many of the inputs ids, mask and types it has.
        outputs: 1 for a score; 2 for two classes whose difference is the score.
        name: The name of the file.
    """
    from onnx import TensorProto, helper, save  # noqa: PLC0415 - an extra
    from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: PLC0415 - an extra

    tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", WORDS["[CLS]"]), ("[SEP]", WORDS["[SEP]"])],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = ["input_ids", "attention_mask", "token_type_ids"][:inputs]
    steps: list[Any] = [helper.make_node("Cast", [one], [f"{one}_f"], to=TensorProto.FLOAT) for one in names]
    weighted = "input_ids_f"
    if inputs == 3:
        one = helper.make_node("Constant", [], ["one"], value_float=1.0)
        two = helper.make_node("Constant", [], ["two"], value_float=2.0)
        double = helper.make_node("Mul", ["token_type_ids_f", "two"], ["doubled"])
        sign = helper.make_node("Sub", ["doubled", "one"], ["sign"])
        signed = helper.make_node("Mul", ["input_ids_f", "sign"], ["signed"])
        steps += [one, two, double, sign, signed, helper.make_node("Mul", ["signed", "attention_mask_f"], ["masked"])]
        weighted = "masked"
    axes = helper.make_node("Constant", [], ["axes"], value_ints=[1])
    steps += [axes, helper.make_node("ReduceSum", [weighted, "axes"], ["sum"], keepdims=1)]
    if outputs == 2:
        steps += [
            helper.make_node("Neg", ["sum"], ["minus"]),
            helper.make_node("Concat", ["minus", "sum"], ["logits"], axis=1),
        ]
    else:
        steps.append(helper.make_node("Identity", ["sum"], ["logits"]))
    graph = helper.make_graph(
        steps,
        "tiny",
        [helper.make_tensor_value_info(one, TensorProto.INT64, ["batch", "tokens"]) for one in names],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", outputs])],
    )
    (folder / name).parent.mkdir(exist_ok=True)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(folder / name))


def sum_up(text: str, query: str) -> int:
    """The score of ``save_model``: the pair is ``[CLS] query [SEP] text [SEP]``."""
    ids = [sum(WORDS.get(word, WORDS["[UNK]"]) for word in part.split()) for part in (text, query)]
    return ids[0] + WORDS["[SEP]"] - ids[1] - WORDS["[CLS]"] - WORDS["[SEP]"]


async def test_each_text_is_read_with_the_query_whatever_the_lengths_of_the_others(tmp_path: Path) -> None:
    save_model(tmp_path)
    encoder = CrossEncoder(tmp_path)
    texts = ["heron waits", "boat", "gate boat heron waits who", "unknown"]
    relevance = await encoder.score("who waits", texts)
    assert list(relevance.scores) == [sum_up(text, "who waits") for text in texts]
    assert (encoder.provider, encoder.model, relevance.tokens) == (None, tmp_path.name, 0)
    [alone] = (await encoder.score("who waits", texts[:1])).scores
    assert alone == relevance.scores[0]


async def test_models_of_two_classes_and_of_other_inputs_are_read(tmp_path: Path) -> None:
    for number, (inputs, outputs, name) in enumerate(
        [(3, 2, "model.onnx"), (2, 1, "onnx/model.onnx"), (1, 1, "model.onnx")]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        save_model(folder, inputs=inputs, outputs=outputs, name=name)
        scores = (await CrossEncoder(folder).score("who", ["boat", "gate"])).scores
        assert len(scores) == 2
        assert scores[1] > scores[0]
    two = (await CrossEncoder(tmp_path / "0").score("who", ["gate"])).scores
    assert list(two) == [2 * sum_up("gate", "who")]


async def test_a_long_pair_is_cut_at_512_tokens(tmp_path: Path) -> None:
    save_model(tmp_path)
    encoder = CrossEncoder(tmp_path)
    [score] = (await encoder.score("who", ["boat " * 5_000])).scores
    assert score == WORDS["boat"] * 508 + WORDS["[SEP]"] - WORDS["who"] - WORDS["[CLS]"] - WORDS["[SEP]"]
    assert len((await encoder.score("who " * 5_000, ["boat " * 5_000])).scores) == 1


def test_several_threads_share_it(tmp_path: Path) -> None:
    save_model(tmp_path)
    encoder = CrossEncoder(tmp_path)

    async def score_many() -> list[Any]:
        return await asyncio.gather(*(encoder.score("who", ["heron", "boat"]) for _ in range(8)))

    assert {tuple(one.scores) for one in asyncio.run(score_many())} == {(sum_up("heron", "who"), sum_up("boat", "who"))}


async def test_a_folder_without_a_model_and_a_file_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"model\.onnx and tokenizer\.json"):
        CrossEncoder(tmp_path)
    save_model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(StartupError, match="cannot be used"):
        await CrossEncoder(tmp_path).score("who", ["boat"])
