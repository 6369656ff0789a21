"""From a model folder to predictions: the only place that imports torch and onnxruntime."""
