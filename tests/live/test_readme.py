"""The README keeps its word."""

import re
import subprocess
import sys
from pathlib import Path

from tests.live.servers import Server


def test_the_quickstart_of_the_readme_works_as_printed(
    server: Server, root: Path, tmp_path: Path
) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.S)
    script = tmp_path / "quickstart.py"
    script.write_text(code.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}"))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Boris reads: Привет!" in done.stdout
    assert "Anna knows that it was read at" in done.stdout


def test_every_file_that_the_docs_point_to_is_there(root: Path) -> None:
    for page in (root / "README.md", *(root / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
