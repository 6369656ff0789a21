"""From a model folder to predictions: the only package that imports torch and onnxruntime."""
