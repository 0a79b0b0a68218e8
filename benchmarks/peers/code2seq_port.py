"""Drives the PyTorch port code2seq 1.2.0 (PyPI, JetBrains Research) by hand; run by `benchmarks/training.py`.

Its environment, apart from phloem's:

    python -m venv PORT && PORT/bin/pip install torch==2.13.0
    PORT/bin/pip install pytorch-lightning==1.9.5 torchmetrics==0.11.4 omegaconf tqdm sacrebleu chardet requests \\
        'setuptools<80'
    PORT/bin/pip install --no-deps code2seq==1.2.0 commode-utils==0.4.1

Writes one JSON object on the last line of its output.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import types

import torch

sys.modules["wandb"] = types.ModuleType("wandb")  # imported by commode-utils, used by none of what runs here
from code2seq.data.path_context_data_module import PathContextDataModule  # noqa: E402
from code2seq.model import Code2Seq  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402

SIZES = {
    "embedding_size": 128,
    "encoder_dropout": 0.25,
    "encoder_rnn_size": 128,
    "use_bi_rnn": True,
    "rnn_num_layers": 1,
    "decoder_size": 320,
    "decoder_num_layers": 1,
    "rnn_dropout": 0.5,
}
DATA = {
    "max_context": 200,
    "random_context": True,
    "path_length": 9,
    "max_label_parts": 6,
    "max_token_parts": 5,
    "labels_count": None,
    "tokens_count": None,
    "test_batch_size": 64,
    "num_workers": 0,
}
ADAM = {"optimizer": "Adam", "lr": 0.001, "weight_decay": 0.0, "decay_gamma": 1.0, "nesterov": True}


def train_step(model: Code2Seq, optimizer: torch.optim.Optimizer, batch: object) -> None:
    loss = model.training_step(batch, 0)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()


def speed(model: Code2Seq, data: PathContextDataModule, optimizer: torch.optim.Optimizer, batches: int) -> dict:
    """Seconds of steps and of loading over `batches`, after two that are not counted."""
    loader = iter(data.train_dataloader())
    figures = {"examples": 0, "contexts": 0, "load": 0.0, "step": 0.0, "cpu": 0.0}
    for number in range(batches + 2):
        started, cpu = time.perf_counter(), time.process_time()
        batch = next(loader)
        loaded = time.perf_counter()
        train_step(model, optimizer, batch)
        if number >= 2:
            figures["load"] += loaded - started
            figures["step"] += time.perf_counter() - loaded
            figures["cpu"] += time.process_time() - cpu
            figures["examples"] += len(batch)
            figures["contexts"] += int(batch.contexts_per_label.sum())
    return figures


@torch.no_grad()
def predictions(model: Code2Seq, data: PathContextDataModule) -> list[list[str]]:
    """The words predicted for each example of the test file, in its order."""
    model.eval()
    words = {number: word for word, number in data.vocabulary.label_to_id.items()}
    ends = {data.vocabulary.label_to_id[mark] for mark in (data.vocabulary.EOS, data.vocabulary.PAD)}
    found = []
    for batch in data.test_dataloader():
        logits, _ = model.logits_from_batch(batch)
        for row in logits[1:].argmax(-1).T.tolist():
            stop = next((place for place, number in enumerate(row) if number in ends), len(row))
            found.append([words[number] for number in row[:stop]])
    return found


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", required=True, help="folder with train.c2s, val.c2s and test.c2s")
    ask.add_argument("--threads", type=int, default=1)
    ask.add_argument("--batch-size", type=int, default=64)
    ask.add_argument("--batches", type=int, default=5)
    ask.add_argument("--epochs", type=int, default=0, help="train and predict the test file instead")
    ask.add_argument("--seed", type=int, default=0)
    want = ask.parse_args()
    torch.set_num_threads(want.threads)
    torch.manual_seed(want.seed)
    data = PathContextDataModule(want.data, OmegaConf.create(DATA | {"batch_size": want.batch_size}))
    model = Code2Seq(OmegaConf.create(SIZES), OmegaConf.create(ADAM), data.vocabulary, teacher_forcing=1.0)
    model.log = model.log_dict = lambda *_, **__: None
    (optimizer,), _ = model.configure_optimizers()
    model.train()
    if not want.epochs:
        figures = speed(model, data, optimizer, want.batches)
        print(json.dumps(figures | {"parameters": sum(p.numel() for p in model.parameters())}))
        return
    started = time.perf_counter()
    for _ in range(want.epochs):
        for batch in data.train_dataloader():
            train_step(model, optimizer, batch)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "predictions": predictions(model, data)}))


if __name__ == "__main__":
    main()
