"""Fine-tuning: the loop, from a base to the weights of the best epoch."""

import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel
from transformers import PreTrainedModel

from training.progress import progress, say
from training.recipe import Recipe
from training.scores import Scores, score, softmax
from training.tokens import TokenIds, length_bucketed, padded
from worker.batching import cut_into_passes

_PASS_TOKENS = 2048
_GRADIENT_NORM = 1.0


@dataclass(frozen=True, slots=True)
class Examples:
    """Tokenised rows with their class numbers."""

    ids: TokenIds
    targets: Sequence[int]


@dataclass(slots=True)
class Outcome:
    """The best epoch's weights are in the model that was passed in; `logits` are its on validation, [rows, labels]."""

    best_epoch: int
    epochs: list[dict[str, Any]]
    logits: npt.NDArray[np.float32]
    seconds: float
    precision: str
    device: str


@dataclass(slots=True)
class _Best:
    """The weights of the epoch with the highest accuracy plus macro-F1 so far."""

    rank: float = -math.inf
    epoch: int = 0
    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    logits: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))


def fine_tune(
    model: PreTrainedModel, train: Examples, validation: Examples, recipe: Recipe, *, labels: Sequence[str], pad_id: int
) -> Outcome:
    """Train all weights, evaluate after each epoch, leave the best epoch's weights in the model.

    Runs on the GPU where there is one, on several under `accelerate launch`, else on the CPU, in bf16 autocast where
    the hardware multiplies it. The same seed on the same hardware gives the same weights.
    """
    started_s = time.monotonic()
    accelerator = Accelerator(mixed_precision="bf16" if has_bf16() else "no")
    batches = _Batches(train.ids, recipe.batch_size, recipe.seed)
    loop = _loop(accelerator, model, _loader(train, batches, pad_id), recipe)
    best, history = _Best(), []
    for epoch in range(1, recipe.epochs + 1):
        batches.epoch = epoch
        loss = loop.one_epoch(f"epoch {epoch}/{recipe.epochs}")
        logits = predict(loop.averaged.module, validation.ids, pad_id=pad_id)
        scores = score(softmax(logits), validation.targets, labels)
        history.append(_epoch_line(epoch, loss, scores))
        _keep_if_best(best, epoch, scores, loop.averaged.module, logits)
    accelerator.unwrap_model(loop.model, keep_fp32_wrapper=False).load_state_dict(best.weights)
    device, precision = str(accelerator.device), accelerator.mixed_precision
    return Outcome(best.epoch, history, best.logits, time.monotonic() - started_s, precision, device)


def has_bf16() -> bool:
    """Whether the hardware multiplies bfloat16 matrices natively."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def predict(model: torch.nn.Module, ids: TokenIds, *, pad_id: int) -> npt.NDArray[np.float32]:
    """Return the logits of each text in full precision, [texts, labels]."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    rows: dict[int, npt.NDArray[np.float32]] = {}
    with torch.inference_mode():
        for indices in cut_into_passes([len(one) for one in ids], _PASS_TOKENS):
            input_ids, mask = padded([ids[index] for index in indices], pad_id=pad_id)
            logits = model(input_ids=input_ids.to(device), attention_mask=mask.to(device)).logits
            rows.update(zip(indices, logits.float().cpu().numpy(), strict=True))
    model.train(was_training)
    return np.stack([rows[index] for index in range(len(ids))])


# What the loop is made of.


class _Batches(torch.utils.data.Sampler[list[int]]):
    """Length-bucketed batches of row numbers, other ones in each epoch, the same ones for a seed."""

    def __init__(self, ids: TokenIds, batch_size: int, seed: int) -> None:
        self._lengths = [len(one) for one in ids]
        self.batch_size = batch_size  # accelerate asks for it
        self.drop_last = False
        self._seed = seed
        self.epoch = 1

    def __len__(self) -> int:
        return math.ceil(len(self._lengths) / self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        rng = random.Random(f"{self._seed}/{self.epoch}")
        return iter(length_bucketed(self._lengths, self.batch_size, rng))


def _loader(train: Examples, batches: _Batches, pad_id: int) -> Any:
    """Batches of `input_ids`, `attention_mask` and class numbers."""

    def collate(indices: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        input_ids, mask = padded([train.ids[index] for index in indices], pad_id=pad_id)
        return input_ids, mask, torch.tensor([train.targets[index] for index in indices])

    rows: Any = range(len(train.ids))
    return torch.utils.data.DataLoader(rows, batch_sampler=batches, collate_fn=collate)


def _loop(accelerator: Accelerator, model: PreTrainedModel, loader: Any, recipe: Recipe) -> "_Loop":
    """Place model, optimiser and batches on the devices that accelerate found."""
    model.to(accelerator.device).train()
    averaged = _averaged(model, recipe.ema_decay)  # copied before accelerate wraps: it is evaluated in full precision
    trained, optimizer, loader = accelerator.prepare(model, _optimizer(model, recipe), loader)
    scheduler = _schedule(optimizer.optimizer, steps=recipe.epochs * len(loader), warmup=recipe.warmup)
    return _Loop(accelerator, trained, optimizer, scheduler, loader, averaged, recipe)


def _optimizer(model: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; biases and norms are not decayed."""
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def _schedule(optimizer: torch.optim.Optimizer, *, steps: int, warmup: float) -> torch.optim.lr_scheduler.LambdaLR:
    climb = max(1.0, warmup * steps)

    def factor(step: int) -> float:
        return min((step + 1) / climb, max(0.0, (steps - step) / max(1.0, steps - climb)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _averaged(model: torch.nn.Module, highest_decay: float) -> AveragedModel:
    """Return the running mean of the weights; with a decay of 0 it is their latest copy."""

    def move(means: Any, weights: Any, updates: torch.Tensor | int) -> None:
        """Forget faster at first, or the base's weights would fill the mean of a short run for long."""
        decay = min(highest_decay, (1 + int(updates)) / (10 + int(updates)))
        torch._foreach_lerp_(list(means), list(weights), 1 - decay)

    return AveragedModel(model, multi_avg_fn=move)


@dataclass(frozen=True, slots=True)
class _Loop:
    """What takes part in a step, as accelerate has wrapped it."""

    accelerator: Accelerator
    model: Any
    optimizer: Any
    scheduler: torch.optim.lr_scheduler.LambdaLR
    loader: Any
    averaged: AveragedModel
    recipe: Recipe

    def one_epoch(self, title: str) -> float:
        """Take one step for each batch; return the mean loss."""
        losses: list[float] = []
        with progress(title, len(self.loader)) as advance:
            for input_ids, mask, targets in self.loader:
                losses.append(self._step(input_ids, mask, targets))
                advance(f"loss {np.mean(losses[-50:]):.4f}")
        return float(np.mean(losses))

    def _step(self, input_ids: torch.Tensor, mask: torch.Tensor, targets: torch.Tensor) -> float:
        loss = _loss(self.model, input_ids, mask, targets, recipe=self.recipe)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), _GRADIENT_NORM)
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.averaged.update_parameters(self.accelerator.unwrap_model(self.model))
        return float(loss.detach())


def _loss(
    model: Any, input_ids: torch.Tensor, mask: torch.Tensor, targets: torch.Tensor, *, recipe: Recipe
) -> torch.Tensor:
    """Cross entropy; with R-Drop (Liang et al. 2021) of two dropout views, plus their symmetric divergence."""
    views = 2 if recipe.r_drop else 1
    logits = model(input_ids=input_ids.repeat(views, 1), attention_mask=mask.repeat(views, 1)).logits.float()
    entropy = functional.cross_entropy(logits, targets.repeat(views), label_smoothing=recipe.label_smoothing)
    if views == 1:
        return entropy
    one, other = logits.log_softmax(dim=-1).chunk(2)
    return entropy + recipe.r_drop * (_divergence(one, other) + _divergence(other, one)) / 2


def _divergence(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return functional.kl_div(one, other, reduction="batchmean", log_target=True)


def _epoch_line(epoch: int, loss: float, scores: Scores) -> dict[str, Any]:
    say(
        f"epoch {epoch}: training loss {loss:.4f}, validation accuracy {scores.accuracy:.4f}, "
        f"macro F1 {scores.macro_f1:.4f}, loss {scores.loss:.4f}"
    )
    figures = {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1, "loss": scores.loss}
    return {"epoch": epoch, "training_loss": round(loss, 6), **{k: round(v, 6) for k, v in figures.items()}}


def _keep_if_best(
    best: _Best, epoch: int, scores: Scores, model: torch.nn.Module, logits: npt.NDArray[np.float32]
) -> None:
    rank = scores.accuracy + scores.macro_f1
    if rank > best.rank:
        weights = {name: weight.detach().to("cpu", copy=True) for name, weight in model.state_dict().items()}
        best.rank, best.epoch, best.weights, best.logits = rank, epoch, weights, logits
