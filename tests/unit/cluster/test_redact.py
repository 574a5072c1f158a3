import base64
import gzip
import json

import pytest

from licet.cluster.redact import redact

TOKEN = "eyJhbGciOiJFZERTQSIsInR5cCI6ImxpY2Vuc2Urand0In0.eyJpc3MiOiJodHRwczovL2EifQ.c2lnbmF0dXJl"
RELEASE = base64.b64encode(gzip.compress(b'{"name":"web","config":{"password":"hunter2"}}', mtime=0)).decode()


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        TOKEN[:30],
        base64.b64encode(TOKEN.encode()).decode(),
        RELEASE,
        base64.b64encode(RELEASE.encode()).decode(),
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n-----END PRIVATE KEY-----",
        base64.b64encode(b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ").decode(),
    ],
)
def test_secret_disappears_and_what_surrounds_it_stays(secret):
    assert redact(f'spec.token: Invalid value: "{secret}": too long') == (
        'spec.token: Invalid value: "[redacted]": too long'
    )


def test_bearer_token_of_any_form_disappears():
    assert redact("Authorization: Bearer s3cr3t-opaque") == "Authorization: Bearer [redacted]"


@pytest.mark.parametrize("secret", [TOKEN, RELEASE, "-----BEGIN PRIVATE KEY-----\nMC4C\r\n+/=", "Bearer s3cr3t-opaque"])
def test_json_stays_json(secret):
    document = {"message": f'he said "{secret}" and left', "end": f"{secret}\\"}
    written = redact(json.dumps(document))
    assert json.loads(written)["message"].endswith('" and left')
    assert secret[8:] not in written


def test_ordinary_text_stays():
    text = 'secrets "eyJet" is forbidden: User "system:serviceaccount:licet-system:licet-gate" cannot get resource'
    assert redact(text) == text


def test_long_text_takes_linear_time():
    assert redact("eyJ" * 500_000 + "-----BEGIN " * 100_000)
