"""The training loop: fine-tune a base and keep the weights of the best epoch.

Row order, augmentation and dropout masks of a step depend on the seed and the number of the step alone. A run that
resumes from its checkpoint therefore ends with the same weights as an uninterrupted run.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from transformers import PreTrainedModel

from training.learn.checkpoint import Checkpoint
from training.learn.imbalance import Imbalance, class_weights_of_counts
from training.learn.loss import BatchLoss, batch_loss
from training.learn.moving_average import MovingAverage
from training.learn.optimizer import optimizer, schedule
from training.learn.predict import predict
from training.learn.recipe import Recipe
from training.learn.rows import Batch, EpochBatches, TrainingRows, batch_targets
from training.learn.run_state import RunState
from training.learn.validation import Logits, ValidationRows
from training.output.errors import TrainingError
from training.output.progress import progress, say

AfterEpoch = Callable[[dict[str, Any]], None]
"""Receives the number of an epoch, its training loss, and its accuracy, macro-F1 and loss on validation."""

_GRADIENT_NORM = 1.0
"""The norm to which gradients are clipped, as in BERT's fine-tuning: one unusual batch cannot destroy the weights."""
_CHECKPOINT_EVERY_S = 120.0
"""Seconds between checkpoints within an epoch: an interruption costs at most two minutes of training."""
_RECENT_STEPS = 50
"""Steps whose mean loss is shown as progress, and after which the losses are fetched from the GPU.

The loss of one step is too noisy, and to wait for it at every step would leave the GPU idle."""


@dataclass(slots=True)
class FineTuned:
    """The outcome of `fine_tune`; `logits` are those of the best epoch on validation, [rows, outputs]."""

    best_epoch: int
    epochs: list[dict[str, Any]]
    logits: Logits
    seconds: float
    precision: str
    device: str


def fine_tune(
    model: PreTrainedModel,
    train: TrainingRows,
    validation: ValidationRows,
    recipe: Recipe,
    *,
    pad_id: int = 0,
    checkpoint: Checkpoint | None = None,
    after_epoch: AfterEpoch | None = None,
) -> FineTuned:
    """Train all weights, evaluate after each epoch, and leave the weights of the best epoch in `model`.

    The best epoch has the highest `ValidationScores.rank`. `after_epoch` receives the scores of each epoch, and may
    raise an exception to end the run. Training runs on the GPU if there is one, on several under `accelerate launch`,
    else on the CPU, in bf16 autocast if the hardware supports it. The same seed, hardware and number of threads give
    the same weights. Raises TrainingError if training diverges or the GPU's memory does not hold a single row.
    """
    loading = DataLoaderConfiguration(non_blocking=True)  # the next batch is copied while the GPU computes
    accelerator = Accelerator(mixed_precision="bf16" if has_bf16() else "no", dataloader_config=loading)
    run = _FineTuning(accelerator, model, train, recipe, pad_id=pad_id)
    if checkpoint is not None and (state := checkpoint.load()) is not None:
        run.restore(state)
    while not run.finished:
        run.train_epoch(checkpoint)
        run.evaluate(validation)
        run.save(checkpoint)
        if after_epoch is not None:
            after_epoch(run.latest)
    return run.outcome()


def has_bf16() -> bool:
    """Return whether the hardware multiplies bfloat16 matrices natively."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class _FineTuning:
    """One run: model, optimizer and data loader as accelerate has prepared them, and the progress of the run."""

    def __init__(
        self,
        accelerator: Accelerator,
        model: PreTrainedModel,
        train: TrainingRows,
        recipe: Recipe,
        *,
        pad_id: int,
    ) -> None:
        self._accelerator = accelerator
        self._recipe = recipe
        self._pad_id = pad_id
        self._batches = EpochBatches(train, recipe.batch_size, recipe.imbalance)
        model.to(accelerator.device).train()
        self._averaged = MovingAverage(model, recipe.ema_decay)  # a copy before `prepare`: stays fp32
        every_place: Any = range(self._batches.rows)
        loader = torch.utils.data.DataLoader(
            every_place,
            batch_sampler=self._batches,
            collate_fn=partial(self._batches.collate, pad_id=pad_id),
            pin_memory=accelerator.device.type == "cuda",  # copies from other memory wait for the GPU
        )
        prepared: tuple[Any, Any, Any] = accelerator.prepare(model, optimizer(model, recipe), loader)
        self._model, self._optimizer, self._loader = prepared
        self._weights: list[Any] = list(self._model.parameters())  # the model searches its layers for them each time
        self._steps_per_epoch = len(self._loader)
        self._scheduler = schedule(
            self._optimizer.optimizer, steps=recipe.epochs * self._steps_per_epoch, warmup=recipe.warmup
        )
        self._loss = self._batch_loss(train)
        self._progress = RunState()
        self._unread: list[torch.Tensor] = []
        self._best_weights: dict[str, torch.Tensor] = {}
        self._best_logits: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._resumed_at_s = self._saved_at_s = time.monotonic()

    @property
    def finished(self) -> bool:
        """Return whether all epochs are trained, or the last `patience` epochs brought no higher macro-F1."""
        history, patience = self._progress.history, self._recipe.patience
        f1 = [line["macro_f1"] for line in history]
        idle = len(f1) - 1 - f1.index(max(f1)) if f1 else 0
        return len(history) >= self._recipe.epochs or (patience > 0 and idle >= patience)

    @property
    def latest(self) -> dict[str, Any]:
        """Return the scores of the last epoch."""
        return self._progress.history[-1]

    def train_epoch(self, checkpoint: Checkpoint | None) -> None:
        """Train the remaining steps of the current epoch; save a checkpoint at intervals."""
        now = self._progress
        epoch = now.epoch + 1
        self._batches.begin(epoch, skip=len(now.losses) * self._accelerator.num_processes)
        with progress(f"epoch {epoch}/{self._recipe.epochs}", self._steps_per_epoch - len(now.losses)) as advance:
            for batch in self._loader:
                self._unread.append(self._step(batch))
                now.step += 1
                if len(self._unread) >= _RECENT_STEPS:
                    self._read_losses()
                advance(f"loss {np.mean(now.losses[-_RECENT_STEPS:]):.4f}" if now.losses else "")
                if time.monotonic() - self._saved_at_s > _CHECKPOINT_EVERY_S:
                    self.save(checkpoint)
        self._read_losses()

    def _read_losses(self) -> None:
        """Fetch the losses of the latest steps, which waits for the GPU."""
        if self._unread:
            self._progress.losses += torch.stack(self._unread).tolist()
            self._unread = []

    def evaluate(self, validation: ValidationRows) -> None:
        """Score the moving average of the weights on validation, and keep the weights if they are the best so far."""
        now = self._progress
        now.epoch += 1
        logits = predict(self._averaged.module, validation.ids, pad_id=self._pad_id)
        if not np.isfinite(logits).all():
            raise TrainingError(
                f"epoch {now.epoch}: training diverged, the model's output is not a finite number; give a "
                f"--learning-rate below {self._recipe.learning_rate:g} or a higher --warmup"
            )
        scores, loss = validation.scores(logits), float(np.mean(now.losses))
        say(f"epoch {now.epoch}: training loss {loss:.4f}, {scores.described()}")
        now.history.append({"epoch": now.epoch, "training_loss": round(loss, 6), **scores.as_dict()})
        now.losses = []
        if scores.rank > now.best_rank:
            now.best_rank, now.best_epoch, self._best_logits = scores.rank, now.epoch, logits
            self._best_weights = _copied(self._averaged.module)

    def outcome(self) -> FineTuned:
        """Load the best weights into the model and return the outcome of the run."""
        model = self._accelerator.unwrap_model(self._model, keep_fp32_wrapper=False)
        model.load_state_dict(self._best_weights)
        return FineTuned(
            best_epoch=self._progress.best_epoch,
            epochs=self._progress.history,
            logits=self._best_logits,
            seconds=self._progress.seconds + time.monotonic() - self._resumed_at_s,
            precision=self._accelerator.mixed_precision,
            device=str(self._accelerator.device),
        )

    # A step.

    def _batch_loss(self, train: TrainingRows) -> BatchLoss:
        if self._recipe.imbalance is not Imbalance.CLASS_WEIGHTS:
            return batch_loss(self._recipe, None)
        weights = torch.tensor(class_weights_of_counts(train.class_counts), device=self._accelerator.device).float()
        return batch_loss(self._recipe, weights)

    def _step(self, batch: Batch) -> torch.Tensor:
        """Train on one batch; split a batch that does not fit into the GPU, which changes only the dropout masks."""
        self._seed_step()
        while True:
            try:
                loss = self._gradients(batch)
                break
            except torch.OutOfMemoryError as error:
                self._halve(len(batch[2]), error)
        self._accelerator.clip_grad_norm_(self._weights, _GRADIENT_NORM)
        self._optimizer.step()
        self._scheduler.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._averaged.update(self._weights, self._progress.step)
        return loss

    def _seed_step(self) -> None:
        """Seed the dropout masks with the step, so that a resumed run draws the same masks."""
        torch.manual_seed((self._recipe.seed << 32) + (self._progress.step << 8) + self._accelerator.process_index)

    def _gradients(self, batch: Batch) -> torch.Tensor:
        """Add the gradients of the batch, in parts, to those of the parameters; return the mean loss of its rows."""
        views = 2 if self._recipe.r_drop else 1
        rows = len(batch[2])
        total = torch.zeros((), device=self._accelerator.device)
        for part in zip(*(tensor.chunk(self._progress.pieces) for tensor in batch), strict=True):
            input_ids, mask, targets = part[0], part[1], batch_targets(part)
            logits = self._model(input_ids=input_ids.repeat(views, 1), attention_mask=mask.repeat(views, 1)).logits
            loss = self._loss(logits.float(), targets) * (len(input_ids) / rows)
            self._accelerator.backward(loss)
            total += loss.detach()
        return total

    def _halve(self, rows: int, error: Exception) -> None:
        if self._progress.pieces >= rows or self._accelerator.num_processes > 1:
            raise TrainingError(
                f"the GPU's memory does not hold {math.ceil(rows / self._progress.pieces)} rows; give a smaller "
                "--batch-size or --max-tokens, or a smaller --base"
            ) from error
        self._progress.pieces *= 2
        self._optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        say(f"out of GPU memory: each batch is now computed in {self._progress.pieces} parts")

    # What a checkpoint holds.

    def save(self, checkpoint: Checkpoint | None) -> None:
        """Write the state to the checkpoint; of several processes only the main process writes."""
        self._saved_at_s = time.monotonic()
        if checkpoint is None or not self._accelerator.is_main_process:
            return
        self._read_losses()
        spent = {"seconds": self._progress.seconds + self._saved_at_s - self._resumed_at_s}
        checkpoint.save(
            {
                "progress": {name: getattr(self._progress, name) for name in RunState.__dataclass_fields__} | spent,
                "model": self._accelerator.unwrap_model(self._model).state_dict(),
                "averaged": self._averaged.module.state_dict(),
                "optimizer": self._optimizer.optimizer.state_dict(),
                "scheduler": self._scheduler.state_dict(),
                "best_weights": self._best_weights,
                "best_logits": torch.from_numpy(self._best_logits),
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state that `save` wrote."""
        self._progress = RunState(**state["progress"])
        self._accelerator.unwrap_model(self._model).load_state_dict(state["model"])
        self._averaged.module.load_state_dict(state["averaged"])
        self._optimizer.optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        self._best_weights = state["best_weights"]
        self._best_logits = state["best_logits"].numpy()
        say(f"resuming from the checkpoint after {self._progress.epoch} epochs and {len(self._progress.losses)} steps")


def _copied(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().to("cpu", copy=True) for name, weight in model.state_dict().items()}
