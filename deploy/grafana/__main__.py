"""`python -m deploy.grafana`: writes both dashboards as JSON, where Grafana's provisioning finds them."""

import argparse
import sys
from pathlib import Path
from typing import Final

from deploy.grafana.emotion import emotion_dashboard
from deploy.grafana.layout import to_json
from deploy.grafana.operations import operations_dashboard

FOLDER: Final = Path(__file__).with_name("dashboards")


def rendered() -> dict[str, str]:
    """Content by file name."""
    return {"emotion.json": to_json(emotion_dashboard()), "operations.json": to_json(operations_dashboard())}


def main() -> int:
    """Writes the files and says which."""
    argparse.ArgumentParser(prog="python -m deploy.grafana", description="Write the Grafana dashboards.").parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name, content in rendered().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
        print(FOLDER / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
