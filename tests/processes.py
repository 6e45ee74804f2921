"""What a process costs, read off the system."""

import os
from pathlib import Path


def memory_of(pid: int) -> int:
    """Bytes of memory that the process holds now."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
