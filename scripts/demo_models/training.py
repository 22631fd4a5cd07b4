"""The training loop: a few minutes on two processor cores."""

import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.nn import functional

from demo_models import checkpoint
from demo_models.conversations import IGNORED, Conversation, batches, conversations, turns
from demo_models.corpus import pairs
from demo_models.network import Network
from demo_models.recipe import Recipe
from demo_models.tokenizer import train_tokenizer

BATCH = 1024  # tokens
RATE = 5e-3
WARM_UP = 100


def train(recipe: Recipe, target: Path, minutes: float, threads: int) -> float:
    """Train *recipe* for *minutes*, write it as a Hugging Face folder at *target*, return the last loss (nats)."""
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    target.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    corpus = pairs(recipe)
    texts = (text for pair in corpus for text in pair)
    tokenizer = train_tokenizer(texts, recipe.shape.vocabulary)
    tokenizer.save(str(target / "tokenizer.json"))
    learnt = turns(corpus, lambda text: tokenizer.encode(text).ids, rng)
    network = Network(recipe.shape)
    print(f"{recipe.name}: {len(learnt)} turns, {sum(w.numel() for w in network.parameters()) / 1e6:.2f} M parameters")
    source = batches(conversations(learnt, recipe.shape, rng), BATCH, rng)
    loss = _fit(network, source, minutes * 60)
    checkpoint.write(recipe, network, target)
    return loss


def _fit(network: Network, source: Iterator[list[Conversation]], seconds: float) -> float:
    optimisers = _optimisers(network)
    start, step, smooth = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - start) / seconds) < 1:
        rate = RATE * min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
        loss = _step(network, optimisers, next(source), rate)
        step += 1
        keep = min(0.998, 1 - 1 / step)
        smooth = keep * smooth + (1 - keep) * loss
        if step % 500 == 0:
            print(f"  step {step}, loss {smooth:.3f}, {done:.0%}", flush=True)
    print(f"  {step} steps, loss {smooth:.3f}")
    return smooth


def _optimisers(network: Network) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers: it needs about half of AdamW's steps; AdamW for the rest."""
    matrices = [weights for weights in network.layers.parameters() if weights.dim() == 2]
    inside = {id(weights) for weights in matrices}
    rest = [weights for weights in network.parameters() if id(weights) not in inside]
    return [
        torch.optim.Muon(matrices, lr=RATE, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _step(network: Network, optimisers: list[torch.optim.Optimizer], batch: list[Conversation], rate: float) -> float:
    tokens = torch.tensor([one.tokens for one in batch])
    labels = torch.tensor([one.labels for one in batch])
    with torch.autocast("cpu", torch.bfloat16):
        scores = network(tokens[:, :-1])
    loss = functional.cross_entropy(scores.flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=IGNORED)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return loss.item()
