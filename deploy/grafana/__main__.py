"""`python -m deploy.grafana`: write both dashboards as JSON into the folder that Grafana provisions."""

import argparse
import sys
from pathlib import Path
from typing import Final

from deploy.grafana.emotion import emotion_dashboard
from deploy.grafana.layout import to_json
from deploy.grafana.operations import operations_dashboard

FOLDER: Final = Path(__file__).with_name("dashboards")


def rendered() -> dict[str, str]:
    """Return the JSON of each dashboard by file name."""
    return {"emotion.json": to_json(emotion_dashboard()), "operations.json": to_json(operations_dashboard())}


def main() -> int:
    """Write the files and print their paths."""
    argparse.ArgumentParser(
        prog="python -m deploy.grafana",
        description="Write the JSON of the Grafana dashboards into deploy/grafana/dashboards.",
    ).parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name, content in rendered().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
        print(FOLDER / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
