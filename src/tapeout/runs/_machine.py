"""What a number was made on."""

import os
import platform
from functools import cache
from importlib.metadata import version
from typing import Any


def machine() -> dict[str, Any]:
    """Versions, processor, threads and whose products, as plain values."""
    import torch

    from ..products import applies

    return _fixed() | {"threads": torch.get_num_threads(), "onednn": applies()}


@cache
def _fixed() -> dict[str, Any]:
    import torch

    return {
        "tapeout": version("tapeout"),
        "torch": torch.__version__,
        "transformers": version("transformers"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
