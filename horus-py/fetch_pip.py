"""Installs pip into a virtual environment that was made without it: fetch_pip.py VERSION FOLDER.

Only for machines where Python has neither ensurepip nor pip. The index is PyPI or PIP_INDEX_URL, as pip has it;
what is fetched must have the hash below.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

SHA256 = {"26.3": "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"}


def main() -> None:
    version, folder = sys.argv[1:]
    wheel = f"pip-{version}-py3-none-any.whl"
    page = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    request = urllib.request.Request(page, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    address = next((entry["url"] for entry in files if entry["filename"] == wheel), None)
    if address is None:
        sys.exit(f"error: {page} has no {wheel}; install python3-venv or python3-pip")
    with urllib.request.urlopen(urllib.parse.urljoin(page, address), timeout=60) as answer:
        data = answer.read()
    if hashlib.sha256(data).hexdigest() != SHA256[version]:
        sys.exit(f"error: {address} isn't the {wheel} that is pinned in {__file__}")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, wheel)
        path.write_bytes(data)
        python = str(Path(folder, "bin", "python"))
        subprocess.run([python, str(path / "pip"), "install", "--quiet", "--no-index", str(path)], check=True)


if __name__ == "__main__":
    main()
