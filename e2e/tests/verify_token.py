"""Verifies an access token as a back end of a customer would: PyJWT and the JWKS address.

Usage: ACCESS_TOKEN=... verify_token.py BASE_URL USER_ID
"""

import os
import sys

import jwt

base_url, user_id = sys.argv[1], sys.argv[2]
token = os.environ["ACCESS_TOKEN"]
keys = jwt.PyJWKClient(f"{base_url}/.well-known/jwks.json")
claims = jwt.decode(
    token,
    keys.get_signing_key_from_jwt(token).key,
    algorithms=["EdDSA"],
    audience=base_url,
    issuer=base_url,
    options={"require": ["iss", "aud", "sub", "exp", "nbf", "iat", "jti"]},
)
if claims["sub"] != user_id:
    sys.exit("the token is for somebody else")
