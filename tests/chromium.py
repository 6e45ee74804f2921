"""The browser that is installed here, and how tests start it."""

import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# Without a sandbox, which containers do not allow. None of it goes anywhere but to our own server.
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
