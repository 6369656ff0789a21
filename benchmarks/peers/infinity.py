"""Infinity, a server of embedding and classification models, called in its own process without HTTP."""

import asyncio
from collections.abc import Mapping, Sequence

from infinity_emb import AsyncEmbeddingEngine, EngineArgs

from benchmarks.peers.batches import BATCH_SIZE
from benchmarks.peers.protocol import Contender, Loading, serve


def load(loading: Loading) -> Mapping[str, Contender]:
    """Return the engine with its batches of the usual size."""
    engine = AsyncEmbeddingEngine.from_args(
        EngineArgs(model_name_or_path=loading.model, engine="torch", device="cpu", batch_size=BATCH_SIZE)
    )
    loop = asyncio.new_event_loop()
    loop.run_until_complete(engine.astart())

    def label(texts: Sequence[str]) -> None:
        loop.run_until_complete(engine.classify(sentences=list(texts)))

    return {"infinity": label}


if __name__ == "__main__":
    serve(load, ["infinity-emb", "torch", "transformers"])
