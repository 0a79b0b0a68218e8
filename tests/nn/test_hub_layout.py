"""Models in the hub's layout: equal to those of `transformers`, both ways, on small random checkpoints."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from phloem.decode.beam import Beam
from phloem.decode.greedy import greedy
from phloem.decode.marks import OwnMarks
from phloem.errors import PhloemError
from phloem.nn.models import hub_layout
from phloem.nn.models.bart import Bart, BartConfig
from phloem.nn.models.gpt2 import Gpt2, Gpt2Config
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.nn.models.t5 import T5, T5Config

VOCABULARY = 90
LENGTHS = torch.tensor([7, 4])
REAL = torch.arange(7) < LENGTHS[:, None]
TIGHT = {"rtol": 0.0, "atol": 1e-5}


@pytest.fixture(scope="module")
def transformers() -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"
    library = pytest.importorskip("transformers")
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    return library


def tokens(padding: int = 1) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randint(3, VOCABULARY, (2, 7)).masked_fill(~REAL, padding)


def randomised(model: torch.nn.Module) -> Any:
    """So large that outputs differ widely."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.tie_weights()  # type: ignore[operator]
    return model.eval()


def theirs(library: Any, kind: str) -> Any:
    """A small model of `transformers`."""
    if kind.startswith("roberta"):
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 50}
        config = library.RobertaConfig(vocab_size=VOCABULARY, max_position_embeddings=40, type_vocab_size=1, **sizes)
        return randomised((library.RobertaModel if "pooled" in kind else library.RobertaForMaskedLM)(config))
    if kind.startswith("t5"):
        more = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False} if "gated" in kind else {}
        sizes = {"d_model": 32, "d_kv": 6, "d_ff": 50, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 4}
        return randomised(
            library.T5ForConditionalGeneration(
                library.T5Config(vocab_size=VOCABULARY, decoder_start_token_id=0, **sizes, **more)
            )
        )
    if kind in ("bart", "plbart"):
        sizes = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 4}
        sizes |= {"decoder_attention_heads": 2, "encoder_ffn_dim": 50, "decoder_ffn_dim": 40}
        name = {"bart": "Bart", "plbart": "PLBart"}[kind]
        config = getattr(library, f"{name}Config")(vocab_size=VOCABULARY, max_position_embeddings=40, **sizes)
        return randomised(getattr(library, f"{name}ForConditionalGeneration")(config))
    marks = {"bos_token_id": 0, "eos_token_id": 2}
    if kind == "gpt2":
        config = library.GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=40, **marks)
        return randomised(library.GPT2LMHeadModel(config))
    sizes = {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 40, "window_size": 3}
    config = library.GPTNeoConfig(vocab_size=VOCABULARY, attention_types=[[["global", "local"], 1]], **sizes, **marks)
    return randomised(library.GPTNeoForCausalLM(config))


def assert_equal(kind: str, model: Any, other: Any) -> None:
    """Ours and theirs give the same; every output is large enough to tell."""
    source, mask = tokens(), REAL.long()
    with torch.no_grad():
        if kind.startswith(("roberta", "gpt")):
            expected = other(input_ids=source, attention_mask=mask, output_hidden_states=True)
            states = model.states(source, lengths=LENGTHS)
            pairs = [(states[at][REAL], expected.hidden_states[at][REAL]) for at in range(len(states))]
            if "pooled" in kind:
                pairs.append((model.pooled(states[-1]), expected.pooler_output))
            else:
                pairs.append((model.logits(states[-1])[REAL], expected.logits[REAL]))
        else:
            written = torch.randint(3, VOCABULARY, (2, 5))
            expected = other(input_ids=source, attention_mask=mask, decoder_input_ids=written)
            memory = model.encode(source, LENGTHS)
            pairs = [
                (memory[REAL], expected.encoder_last_hidden_state[REAL]),
                (model.logits(model.decode(written, memory, LENGTHS)), expected.logits),
            ]
    for ours, wanted in pairs:
        assert wanted.std() > 0.05
        torch.testing.assert_close(ours, wanted, **TIGHT)


KINDS = ("roberta", "roberta pooled", "t5", "t5 gated", "bart", "plbart", "gpt2", "gpt_neo")


@pytest.mark.parametrize("kind", KINDS)
def test_both_ways(kind: str, transformers: Any, tmp_path: Path) -> None:
    other = theirs(transformers, kind)
    other.save_pretrained(tmp_path / "theirs")
    loaded = hub_layout.load(tmp_path / "theirs")
    assert not loaded.unused
    assert all(name.startswith("words.") for name in loaded.missing)
    assert bool(loaded.missing) == ("pooled" in kind)
    assert_equal(kind, loaded.model, other)

    hub_layout.save(loaded.model, tmp_path / "ours")
    family = type(other) if kind != "plbart" else transformers.BartForConditionalGeneration
    back, report = family.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["mismatched_keys"]
    assert_equal(kind, loaded.model, back.eval())


@pytest.mark.parametrize("kind", ["t5", "bart", "gpt2", "gpt_neo"])
def test_generation_with_kept_keys_is_theirs(kind: str, transformers: Any, tmp_path: Path) -> None:
    """Greedy words, and beam search's, against `generate`."""
    other = theirs(transformers, kind)
    other.save_pretrained(tmp_path)
    other.generation_config.forced_eos_token_id = None
    model = hub_layout.load(tmp_path).model
    source = tokens()
    for row, length in enumerate(LENGTHS.tolist()):  # one by one: theirs pads prompts on the left
        alone = source[row : row + 1, :length]
        made = other.generate(alone, max_new_tokens=6, do_sample=False, pad_token_id=1, use_cache=False)[0]
        words = made[alone.shape[1] :] if kind.startswith("gpt") else made[1:]
        marked = OwnMarks(model)
        batch = SimpleNamespace(tokens=source, lengths=LENGTHS, target=source[:, :0])
        found = marked.own(greedy(marked, batch, length=6)[row][0].value)
        assert len(found) > 0 or words.tolist()[0] == model.end
        assert found == [word for word in words.tolist() if word != model.end]


def small(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "t5":
        return T5(T5Config(VOCABULARY, 32, 2, 2, 4, 6, 50)).eval()
    if kind == "bart":
        return Bart(BartConfig(VOCABULARY, 32, 2, 2, 4, 4, 50, 50, 40)).eval()
    if kind == "roberta":
        return Roberta(RobertaConfig(VOCABULARY, 32, 2, 4, 50, 40)).eval()
    windows = (0, 3) if kind == "windows" else ()
    sizes = {"vocabulary": VOCABULARY, "width": 32, "layers": 2, "heads": 4, "inner": 50, "places": 40}
    return Gpt2(Gpt2Config(**sizes, windows=windows, begin=0, end=2)).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["t5", "bart", "gpt2", "windows"])
def test_word_by_word_is_all_at_once(kind: str) -> None:
    """Kept keys and values, rows of different lengths, and rows that change places."""
    model, source = small(kind).double(), tokens()
    written = torch.randint(3, VOCABULARY, (2, 5))
    state = model.start(SimpleNamespace(tokens=source, lengths=LENGTHS))
    steps, word = [], torch.full((2,), model.begin)
    for step in range(6):
        logits, state = model.next(word, state)
        steps.append(logits)
        if step == 2:
            state = model.reorder(model.reorder(state, torch.tensor([1, 0])), torch.tensor([1, 0]))
        word = written[:, step] if step < 5 else word
    together = torch.stack(steps, dim=1)
    if kind in ("t5", "bart"):
        inputs = torch.cat([torch.full((2, 1), model.begin), written], dim=1)
        expected = model.logits(model.decode(inputs, model.encode(source, LENGTHS), LENGTHS))
    else:
        rows = []
        for row, length in enumerate(LENGTHS.tolist()):
            whole = torch.cat([source[row, :length], written[row]])[None]
            rows.append(model.logits(model(whole))[0, length - 1 :])
        expected = torch.stack(rows)
    torch.testing.assert_close(together, expected, rtol=1e-8, atol=1e-8)


def test_beam_finds_what_exhaustive_search_finds() -> None:
    """A beam wide enough over a tiny vocabulary: the best sequence of all, in the model's own ids."""
    torch.manual_seed(3)
    model = T5(T5Config(5, 16, 1, 1, 2, 8, 16, begin=0, end=3)).double().eval()
    source = torch.tensor([[1, 2, 4]])
    marked = OwnMarks(model)
    batch = SimpleNamespace(tokens=source, lengths=torch.tensor([3]), target=source[:, :0])
    best = Beam(25)(marked, batch, length=2)[0][0]
    words = [word for word in range(5) if word != model.end]
    options = [[3], *([word, 3] for word in words), *([one, two, 3] for one in words for two in words)]

    def log_probability(row: list[int]) -> float:
        with torch.no_grad():
            logits = model(source, torch.tensor([3]), torch.tensor([row])).log_softmax(dim=-1)[0]
        return sum(float(logits[at, word]) for at, word in enumerate(row))

    winner = max(options, key=log_probability)
    assert marked.own(best.value) == winner[:-1]
    assert best.score == pytest.approx(log_probability(winner), abs=1e-6)


def test_masks_and_embeddings() -> None:
    """A mask of everything is none; a place that only reads itself knows nothing of others; vectors stand for units."""
    model, source = small("roberta"), tokens()
    everything = torch.ones(2, 7, 7, dtype=torch.bool)
    torch.testing.assert_close(model(source, everything), model(source))
    alone = torch.eye(7, dtype=torch.bool).expand(2, 7, 7)
    changed = source.clone()
    changed[:, 3] = 5
    apart, moved = model(source, alone), model(changed, alone)
    torch.testing.assert_close(apart[:, [0, 1, 2, 4, 5, 6]], moved[:, [0, 1, 2, 4, 5, 6]])
    assert (apart[:, 3] - moved[:, 3]).abs().max() > 1e-3
    torch.testing.assert_close(model(None, embeddings=model.embed(source)), model(source))
    far = torch.full((1, 4, 7, 7), 0.0)
    far[..., 5:] = -1e9
    torch.testing.assert_close(model(source, bias=far)[:, :5], model(source[:, :5]))
    with pytest.raises(ValueError, match="units or embeddings"):
        model(None)
    with pytest.raises(ValueError, match="positions for 40 units"):
        model(torch.full((1, 41), 3))


def test_padding_changes_nothing() -> None:
    for kind in ("roberta", "gpt2", "windows"):
        model = small(kind)
        one, other = model(tokens(1), lengths=LENGTHS), model(tokens(7), lengths=LENGTHS)
        torch.testing.assert_close(one[REAL], other[REAL])
    for kind in ("t5", "bart"):
        model, written = small(kind), torch.randint(3, VOCABULARY, (2, 3))
        one, other = (model(tokens(padding), LENGTHS, written) for padding in (1, 7))
        torch.testing.assert_close(one, other)


def test_half_and_tokenizer_survive(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    model = small("gpt2")
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    hub_layout.save(model, tmp_path, tokenizer, half=True)
    loaded = hub_layout.load(tmp_path)
    assert loaded.tokenizer is not None
    assert loaded.tokenizer.encode("ab").ids == [2]
    torch.testing.assert_close(loaded.model(tokens()), model(tokens()), rtol=0, atol=1e-2)
    assert hub_layout.is_hub_layout(tmp_path)
    assert not hub_layout.is_hub_layout(tmp_path.parent)
    assert not list(tmp_path.glob("*.part"))


def test_byte_level_vocabulary_without_tokenizer_json(tmp_path: Path) -> None:
    hub_layout.save(small("gpt2"), tmp_path)
    assert hub_layout.load(tmp_path).tokenizer is None
    (tmp_path / "vocab.json").write_text(json.dumps({"<s>": 0, "a": 1, "b": 2, "ab": 3, "Ġ": 4, "Ġab": 5}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\nĠ ab\n")
    tokenizer = hub_layout.load(tmp_path).tokenizer
    assert tokenizer is not None
    assert tokenizer.encode("<s>ab ab").ids == [0, 3, 5]


def test_several_files_of_weights(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    model = small("bart")
    hub_layout.save(model, tmp_path)
    whole = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    names = sorted(whole)
    parts = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, own in parts.items():
        save_file({name: whole[name] for name in own}, tmp_path / file)
    index = {"weight_map": {name: file for file, own in parts.items() for name in own}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    written = tokens()[:, :3]
    loaded = hub_layout.load(tmp_path).model
    torch.testing.assert_close(loaded(tokens(), LENGTHS, written), model(tokens(), LENGTHS, written))


def test_what_is_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PhloemError, match="no such folder"):
        hub_layout.load(tmp_path / "nothing")
    with pytest.raises(PhloemError, match=r"no config\.json"):
        hub_layout.load(tmp_path)
    for content, message in (("{", "not JSON"), ("[]", "no configuration"), ('{"model_type": "resnet"}', "known: rob")):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(PhloemError, match=message):
            hub_layout.load(tmp_path)
    hub_layout.save(small("gpt2"), tmp_path)
    about = json.loads((tmp_path / "config.json").read_text())
    for change, message in (
        ({"n_embd": 16}, r"\(90, 32\), expected \(90, 16\)"),
        ({"n_layer": 3}, "no tensor transformer.h.2"),
        ({"n_head": 5}, "multiple of 5 heads"),
        ({"activation_function": "sine"}, "unknown activation"),
        ({"vocab_size": None}, "does not fit"),
    ):
        (tmp_path / "config.json").write_text(json.dumps(about | change))
        with pytest.raises(PhloemError, match=message):
            hub_layout.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(about))
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(PhloemError, match="not a readable safetensors file"):
        hub_layout.load(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(PhloemError, match=r"no model\.safetensors"):
        hub_layout.load(tmp_path)
    with pytest.raises(PhloemError, match="layout is known for"):
        hub_layout.save(torch.nn.Linear(2, 2), tmp_path)


def test_an_old_checkpoint_is_converted(transformers: Any, tmp_path: Path) -> None:
    """pytorch_model.bin alone: `transformers` reads it."""
    other = theirs(transformers, "roberta pooled")
    other.config.save_pretrained(tmp_path)
    torch.save(other.state_dict(), tmp_path / "pytorch_model.bin")
    about = json.loads((tmp_path / "config.json").read_text()) | {"architectures": ["RobertaModel"]}
    (tmp_path / "config.json").write_text(json.dumps(about))
    assert_equal("roberta pooled", hub_layout.load(tmp_path).model, other)


def test_a_name_that_cannot_be_fetched(transformers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(PhloemError, match="cannot be fetched from the hub") as failed:
        hub_layout.load("somebody/no-such-model")
    assert "\n" not in str(failed.value)
