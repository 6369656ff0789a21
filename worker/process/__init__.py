"""Parts of every long-running process: health, metrics, logs, watchdog, stop flag; and of every command line."""
