"""The last line of defence against tokens, keys and release payloads in logs, errors and Kubernetes Events.

licet's own messages never carry them; those of other libraries and of the API server may, for example where it quotes
the value of a field that it refuses.
"""

import re
from typing import Final

_SECRET: Final = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*)*"  # a JSON Web Token: base64url of '{"', as are JSON keys in that form
    r"|(?:ZXlK|H4sI|SDRzS|LS0tLS1CRUdJTi)[\w+/-]{16,}={0,2}"  # as Secret data: a JWT, a Helm release, PEM
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\w+/=\s]|\\[nr])*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
    r"|(?<=[Bb]earer )[^\s\"'\\]{8,}"
)


def redact(text: str) -> str:
    """`text` with everything that has the shape of a credential or of a Helm payload replaced; linear in its length.

    JSON stays JSON: no quote, and no backslash that protects one, is taken along.
    """
    return _SECRET.sub("[redacted]", text)
