"""Fine-tuning: from a base and rows to the weights of the best epoch, and the folder that holds them."""
