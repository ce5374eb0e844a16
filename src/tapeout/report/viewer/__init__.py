"""The interactive views of the page: their data, and the script that draws them.

The script is built from `viewer/` at the repository's root and ships in `bundle/`.
"""

from ._app import App, app_of

__all__ = ["App", "app_of"]
