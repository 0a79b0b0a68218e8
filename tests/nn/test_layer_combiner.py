"""EarlyBIRD's twelve combinations, and classifiers whose upper layers are cut off."""

import itertools

import pytest
import torch

from phloem.analysis.significance import holm, wilcoxon
from phloem.nn.encoders.layer_combiner import ALL_LAYERS, ONE_LAYER, OPTIONS, LayerCombiner
from phloem.nn.models.layer_classifier import LabelledRows, LayerClassifier, cut
from phloem.nn.models.roberta import Roberta, RobertaConfig

# [CLS] a b </s> <pad> of width 2 at layers 0, 1 and 2
STATES = [
    torch.tensor([[[9.0, 9.0], [9.0, 9.0], [9.0, 9.0], [9.0, 9.0], [9.0, 9.0]]]),
    torch.tensor([[[1.0, -1.0], [2.0, -5.0], [-3.0, -2.0], [8.0, 8.0], [7.0, 7.0]]]),
    torch.tensor([[[0.0, 3.0], [1.0, -4.0], [4.0, -6.0], [8.0, 8.0], [7.0, 7.0]]]),
]
ORDINARY = torch.tensor([[False, True, True, False, False]])
LAYER_WEIGHTS, TOKEN_WEIGHTS = torch.tensor([0.5, 2.0]), torch.tensor([7.0, 1.0, 3.0, 7.0, 7.0, 7.0])
GOLDEN = {
    "last_layer_cls": [0.0, 3.0],
    "one_layer_cls": [1.0, -1.0],
    "cutoff_layers_one_layer_cls": [1.0, -1.0],
    "one_layer_max_pool_tokens": [2.0, -2.0],
    "one_layer_w_sum_tokens": [2.0 - 9.0, -5.0 - 6.0],
    "max_pool_cls": [1.0, 3.0],
    "w_sum_cls": [0.5, -0.5 + 6.0],
    "max_pool_layers_max_pool_tokens": [4.0, -2.0],
    "max_pool_layers_w_sum_tokens": [2.0 + 12.0, -4.0 - 6.0],
    "max_pool_tokens_w_sum_layers": [1.0 + 8.0, -1.0 - 8.0],
    "w_sum_tokens_w_sum_layers": [0.5 * -7 + 2 * 13, 0.5 * -11 + 2 * -22],
    "w_sum_layers_w_sum_tokens": [0.5 * -7 + 2 * 13, 0.5 * -11 + 2 * -22],
}


def combiner(option: str, layers: int = 2, width: int = 2, **options) -> LayerCombiner:
    layer = 1 if option in ONE_LAYER else None
    made = LayerCombiner(option, width=width, layers=layers, places=6, layer=layer, **options)
    if made.layer_weights is not None:
        made.layer_weights.data = LAYER_WEIGHTS.clone()
    if made.token_weights is not None:
        made.token_weights.data = TOKEN_WEIGHTS.clone()
    return made


@pytest.mark.row("S173", 2)
def test_golden_values():
    assert set(GOLDEN) == set(OPTIONS)
    assert len(OPTIONS) == 12
    for option, value in GOLDEN.items():
        assert combiner(option)(STATES, ORDINARY)[0].tolist() == pytest.approx(value), option
    one_hot = combiner("w_sum_layers_w_sum_tokens")
    one_hot.layer_weights.data = torch.tensor([1.0, 0.0])
    assert torch.allclose(one_hot(STATES, ORDINARY), combiner("one_layer_w_sum_tokens")(STATES, ORDINARY))
    torch.manual_seed(0)
    states = [torch.randn(3, 5, 2) for _ in range(3)]
    ordinary = torch.tensor([[0, 1, 1, 1, 0], [0, 1, 0, 0, 0], [0, 1, 1, 0, 0]]).bool()
    for between in (False, True):
        pair = [combiner(name, norm_between=between)(states, ordinary) for name in ALL_LAYERS[-2:]]
        assert torch.allclose(*pair, atol=1e-6) != between
    for option in ALL_LAYERS:
        made = combiner(option)
        other = [torch.randn(3, 5, 2), *states[1:]]
        assert torch.equal(made(states, ordinary), made(other, ordinary))


@pytest.mark.row("S173", 3)
def test_marks_and_padding_are_in_no_pool():
    negative = [-torch.rand(2, 5, 2) - 0.1 for _ in range(3)]
    ordinary = ORDINARY.expand(2, -1)
    for option in ("one_layer_max_pool_tokens", "max_pool_layers_max_pool_tokens"):
        assert (combiner(option)(negative, ordinary) < 0).all()
        assert (combiner(option, zero_fill=True)(negative, ordinary) == 0).all()
    for option in OPTIONS:
        made = combiner(option)
        found = made(STATES, ORDINARY)
        longer = [torch.cat([state, torch.full((1, 1, 2), 50.0)], dim=1) for state in STATES]
        more = torch.cat([ORDINARY, torch.zeros(1, 1, dtype=torch.bool)], dim=1)
        assert torch.allclose(made(longer, more), found, atol=1e-6)
        if "cls" not in option:
            changed = [state.clone() for state in STATES]
            for state in changed:
                state[:, [0, 3, 4]] = 77.0
            assert torch.equal(made(changed, ORDINARY), found)
    assert torch.isfinite(combiner("one_layer_max_pool_tokens")(STATES, torch.zeros_like(ORDINARY))).all()


@pytest.mark.row("S173", 4)
def test_weights_are_free():
    for option in OPTIONS:
        made = combiner(option)
        before = made(STATES, ORDINARY)
        if made.layer_weights is not None:
            made.layer_weights.data *= 2
            assert torch.allclose(made(STATES, ORDINARY), 2 * before)
            made.layer_weights.data = torch.full((2,), 0.5)
            whole = made(STATES, ORDINARY)
            each = []
            for layer in range(2):
                made.layer_weights.data = torch.eye(2)[layer]
                each.append(made(STATES, ORDINARY))
            assert torch.allclose(whole, torch.stack(each).mean(dim=0))
        elif made.token_weights is not None:
            made.token_weights.data *= 2
            assert torch.allclose(made(STATES, ORDINARY), 2 * before)


def roberta(layers: int = 4) -> Roberta:
    torch.manual_seed(0)
    return Roberta(RobertaConfig(40, width=16, layers=layers, heads=2, inner=24, places=12, pad=0, pooler=True)).eval()


BATCH = LabelledRows(
    torch.tensor([[2, 7, 8, 9, 3, 0], [2, 11, 3, 0, 0, 0]]), torch.tensor([5, 3]), torch.tensor([0, 1])
)


@pytest.mark.row("S173", 1)
@pytest.mark.parametrize("option", ONE_LAYER)
def test_a_cut_encoder_is_the_whole_one_read_at_a_layer(option):
    def classifier(encoder: Roberta, layers: int) -> LayerClassifier:
        torch.manual_seed(1)
        made = LayerCombiner(option, width=16, layers=layers, places=12, layer=2)
        return LayerClassifier(encoder, made, 3).eval()

    whole, part = classifier(roberta(), 4), classifier(cut(roberta(), 2), 2)
    assert torch.allclose(whole(BATCH), part(BATCH), atol=1e-6)
    wanted = {
        name
        for name, _ in whole.named_parameters()
        if not name.startswith(("encoder.words", "encoder.blocks.2", "encoder.blocks.3"))
    }
    assert {name for name, _ in part.named_parameters()} == wanted
    whole(BATCH).sum().backward()
    for name, parameter in whole.named_parameters():
        if name.startswith(("encoder.blocks.2", "encoder.blocks.3")):
            assert parameter.grad is None or not parameter.grad.any()


def test_heads_and_padding_of_the_classifier():
    for option, hidden in itertools.product(OPTIONS, (False, True)):
        made = LayerCombiner(option, width=16, layers=4, places=12, layer=3 if option in ONE_LAYER else None)
        model = LayerClassifier(roberta(), made, 3, hidden=hidden).eval()
        longer = BATCH._replace(tokens=torch.cat([BATCH.tokens, torch.zeros(2, 3, dtype=torch.long)], dim=1))
        assert torch.allclose(model(longer), model(BATCH), atol=1e-6)
        assert (model.encoder.pool is not None) == (option == "last_layer_cls" and not hidden)
    for wrong in ({"option": "mean"}, {"option": "one_layer_cls"}, {"option": "w_sum_cls", "layer": 1}):
        with pytest.raises(ValueError, match=r"option|layer"):
            LayerCombiner(**{"width": 2, "layers": 2, "places": 4, **wrong})


def test_significance():
    stats = pytest.importorskip("scipy.stats")
    one, other = [0.3, 0.9, 0.4, 0.8, 0.7, 0.75], [0.1, 0.5, 0.45, 0.2, 0.1, 0.2]
    assert wilcoxon(one, other) == pytest.approx(stats.wilcoxon(one, other, method="exact").pvalue)
    assert wilcoxon([1.0] * 5, [0.0] * 5) == 0.0625
    assert wilcoxon([1, 2, 3], [1, 2, 3]) == 1.0
    tied, nothing = [3, 1, -1, 2, 2], [0] * 5
    signs = [
        sum(rank for rank, sign in zip((5, 1.5, 1.5, 3.5, 3.5), signs, strict=True) if sign)
        for signs in itertools.product((0, 1), repeat=5)
    ]
    wanted = 2 * sum(total >= 13.5 for total in signs) / 32
    assert wilcoxon(tied, nothing) == pytest.approx(wanted)
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    with pytest.raises(ValueError, match="60 pairs"):
        wilcoxon(range(1, 70), [0] * 69)
