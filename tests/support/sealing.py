# SPDX-License-Identifier: Apache-2.0
"""Seals secrets as the processes do (common/base/seal.h), written apart from them: AES-256-GCM by OpenSSL's libcrypto,
called directly, so that the tests need no further Python module."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import os

_NONCE_LEN = 12
_TAG_LEN = 16
_GET_TAG = 0x10


def _libcrypto() -> ctypes.CDLL:
    library = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    library.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
    library.EVP_aes_256_gcm.restype = ctypes.c_void_p
    return library


def seal(key: bytes, context: str, secret: str) -> str:
    """`key`: the 32 bytes of --secrets-key-file. `context`: the place it is sealed for, such as "endpoint/ep_..."."""
    library = _libcrypto()
    sealing_key = hmac.new(key, b"carillon seal v1", hashlib.sha256).digest()
    nonce, plain = os.urandom(_NONCE_LEN), secret.encode()
    out, tag, length = ctypes.create_string_buffer(len(plain)), ctypes.create_string_buffer(_TAG_LEN), ctypes.c_int()
    cipher = ctypes.c_void_p(library.EVP_CIPHER_CTX_new())
    algorithm = ctypes.c_void_p(library.EVP_aes_256_gcm())
    done = [
        library.EVP_EncryptInit_ex(cipher, algorithm, None, sealing_key, nonce),
        library.EVP_EncryptUpdate(cipher, None, ctypes.byref(length), context.encode(), len(context)),
        library.EVP_EncryptUpdate(cipher, out, ctypes.byref(length), plain, len(plain)),
        library.EVP_EncryptFinal_ex(cipher, None, ctypes.byref(length)),
        library.EVP_CIPHER_CTX_ctrl(cipher, _GET_TAG, _TAG_LEN, tag),
    ]
    library.EVP_CIPHER_CTX_free(cipher)
    assert done == [1] * len(done), "libcrypto refused to seal"
    return "v1." + base64.b64encode(nonce + out.raw + tag.raw).decode()
