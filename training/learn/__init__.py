"""Fine-tuning: from a base and training rows to the weights of the best epoch and the folder of the run."""
