"""What an API key is called among options and headers, and how a text says nothing of it.

Called by whatever shows a request (`faults`, reprs of `models.inference`), and by `inference`, which takes keys out.
"""

from __future__ import annotations

import re

HIDDEN = "***"
_SUFFIX = "-api-key"
_NAME = r"(['\"])[^'\"]*-api-key\2: "
_VALUE = r"b?(['\"])(?:\\.|(?!\3).)*\3|[^,}\]]+"
_in_repr = re.compile(rf"({_NAME})(?:{_VALUE})", re.IGNORECASE | re.DOTALL)


def is_key_name(name: str) -> bool:
    """Whether an option or a header carries an API key (`openai-api-key`, …), by Qdrant's rule."""
    return name.lower().endswith(_SUFFIX)


def without_keys(text: str) -> str:
    """The repr of anything, with `***` for the values of API keys in dictionaries."""
    return _in_repr.sub(rf"\1'{HIDDEN}'", text) if _SUFFIX in text.lower() else text
