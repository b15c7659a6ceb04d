"""Made-up people: codes that sign in as a named person, without any telephone.

``login:alice`` signs in as Alice, ``phone:13800138000`` is the code of the phone button. A suffix after one more
colon makes another code for the same person, since every code works once, as in the real WeChat.
"""

import base64
import hashlib

_OPENID_LENGTH = 27
# As in the real WeChat all openids of an app begin alike; here the beginning proves the app.
_APP_LENGTH = 6


def openid_of(app_id: str, name: str) -> str:
    """The openid of a made-up person in an app: the same for ever."""
    return "o" + _word(app_id)[:_APP_LENGTH] + _word(f"{app_id}/{name}")[: _OPENID_LENGTH - _APP_LENGTH]


def is_of_app(openid: str, app_id: str) -> bool:
    """Whether an openid is one of this app. Words that were never an openid of ours (tests) are taken as they are."""
    return len(openid) != 1 + _OPENID_LENGTH or openid[1 : 1 + _APP_LENGTH] == _word(app_id)[:_APP_LENGTH]


def _word(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()


def unionid_of(name: str) -> str:
    """The unionid of a made-up person: the same in every app."""
    return openid_of("union", name)


def read_code(code: str, kind: str) -> str | None:
    """The name (``login``) or number (``phone``) a code stands for; nothing when it is of another kind."""
    parts = code.split(":", 2)
    if len(parts) < 2 or parts[0] != kind or not parts[1]:
        return None
    return parts[1]
