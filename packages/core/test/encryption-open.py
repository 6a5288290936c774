"""Opens one sealed value as docs/encryption.md describes it, with Python's cryptography and nothing of ours."""
import base64
import json
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


given = json.load(sys.stdin)
master = bytes.fromhex(given["key"])
header, ciphertext = given["value"].rsplit(":", 1)
mark, key_id, salt, commitment = header.split(":")
assert mark == "tokenkeep1"


def derive(info):
    return HKDF(algorithm=SHA256(), length=32, salt=unbase64(salt), info=info.encode()).derive(master)


assert derive("tokenkeep1 commitment") == unbase64(commitment)
key = derive("tokenkeep1 key " + given["property"])
additional_data = ":".join([header, given["property"], given["context"]]).encode()
plaintext = AESGCM(key).decrypt(bytes(12), unbase64(ciphertext), additional_data)
sys.stdout.buffer.write(plaintext)
