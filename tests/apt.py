"""Installing one of Debian's packages where that can be done: as root, with apt.

Touches: processes, the terminal.
"""

import os
import shutil
import subprocess


def install(package: str) -> bool:
    """Install a package, and say whether that was done; print what apt says if it was not."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        done = subprocess.run(
            ["apt-get", "--quiet", "--quiet", *arguments],
            check=False,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            print(done.stdout)
            return False
    return True
