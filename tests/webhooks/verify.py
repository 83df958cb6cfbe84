"""Verifies deliveries with the library of PyPI that receivers use, `standardwebhooks`.

Reads a list of cases, each a secret, headers and a body, and prints what came of each: "verified"
or why not.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def verdict(case):
    try:
        Webhook(case["secret"]).verify(case["body"], case["headers"])
    except WebhookVerificationError as error:
        return str(error)
    return "verified"


print(json.dumps([verdict(case) for case in json.load(sys.stdin)]))
