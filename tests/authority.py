"""The certificates that clients of plain HTTP read, and never use.

Reading all authorities of the world for each client would take more time than all else that it does.

Touches: a file.
"""

from pathlib import Path

import certifi


def one_authority(directory: Path) -> Path:
    """A file with a single certificate."""
    end = "-----END CERTIFICATE-----\n"
    bundle = Path(certifi.where()).read_text()
    path = directory / "authority.pem"
    path.write_text(bundle[: bundle.index(end) + len(end)])
    return path
