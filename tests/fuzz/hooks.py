"""What Schemathesis is told of a city: ids of things that are there, so that its questions come
further than to "no such channel". SCHEMATHESIS_HOOKS names this module; FUZZ_KNOWN are the ids, and
FUZZ_LET_IN is where the operations are written that the credentials are good for."""

import json
import os
import zlib

import schemathesis

KNOWN: dict[str, list[str]] = json.loads(os.environ["FUZZ_KNOWN"])


def known(name: str, value: object) -> object:
    """Mostly something that is there, the same for the same value: a run can be repeated."""
    choices = KNOWN.get(name)
    number = zlib.crc32(repr(value).encode())
    if not choices or number % 4 == 0:
        return value
    return choices[number // 4 % len(choices)]


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if not path_parameters:
        return path_parameters
    return {name: known(name, value) for name, value in path_parameters.items()}


@schemathesis.hook
def map_query(context, query):
    # A cursor is opaque: a made-up one is refused, and so is the question.
    if query and "cursor" in query and zlib.crc32(repr(query).encode()) % 4:
        return {name: value for name, value in query.items() if name != "cursor"}
    return query


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    return {name: known(name, value) for name, value in body.items()}


# With the credentials that a run is given these would say who else is asking, at random.
INVENTED = {"x-internal-service-token", "x-user-id", "x-csrf-token", "authorization"}


@schemathesis.hook
def before_call(context, case, kwargs):
    for name in [name for name in case.headers or {} if name.lower() in INVENTED]:
        del case.headers[name]
    case.cookies = {}


LET_IN: set[str] = set()


@schemathesis.hook
def after_call(context, case, response):
    """Notes which operations the credentials are good for, whatever was answered then: a channel's
    own 403 comes after them."""
    place = case.operation.label
    if place in LET_IN or response.status_code == 401:
        return
    if response.status_code == 403 and is_about_credentials(response.text):
        return
    LET_IN.add(place)
    with open(os.environ["FUZZ_LET_IN"], "a") as file:
        file.write(f"{place}\n")


def is_about_credentials(text: str) -> bool:
    return "scope" in text or "operator" in text
