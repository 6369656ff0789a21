"""What every long-running process needs: health, metrics, logs, time limits, an orderly stop."""
