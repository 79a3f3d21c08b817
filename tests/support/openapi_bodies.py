# SPDX-License-Identifier: Apache-2.0
"""Bodies made of what docs/openapi.yaml says of them, for hypothesis: such as fit their schema, and such as do not, by one
fault somewhere inside.

    bodies = Bodies(Description.read())
    @given(bodies.fitting(schema))
    @given(bodies.failing(schema))
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.support.openapi import Description, Node

Strategy = st.SearchStrategy[Any]

ZONES = [None, datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=5, minutes=30))]
INSTANTS = st.datetimes(datetime.datetime(2020, 1, 1), datetime.datetime(2040, 1, 1), timezones=st.sampled_from(ZONES)).map(
    lambda at: at.isoformat(timespec="milliseconds")
)

# What chance alone would hardly make: values that mean something, by the member's name, the schema's name, the format.
TELLING: dict[str, Strategy] = {
    "scheduledStartTime": INSTANTS,
    "expiresAt": INSTANTS,
    "userId": st.sampled_from(["acme", "user_456", "stranger"]),
    "email": st.sampled_from(["", "jane@example.com", "ä@exämple.com", "a@b..c", "a\tb@c.d"]),
    "timezone": st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "contact", "Mars/Base"]),
    "trunk": st.sampled_from(["main", "second", "none"]),
    "trunks": st.lists(st.sampled_from(["main", "second", "none"]), min_size=1, max_size=3),
    "tenant": st.sampled_from(["acme", "nobody"]),
    "cell": st.sampled_from(["c0", "c9"]),
    "profile": st.sampled_from(["retell", "twilio", "carrier-pigeon"]),
    "secret": st.sampled_from(["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "whsec_" + "A" * 32]),
}
NAMED: dict[str, Strategy] = {
    "PhoneNumberGiven": st.tuples(st.sampled_from(["+", " (+", "-+"]), st.integers(10**6, 10**15 - 1), st.sampled_from(["", " ", "-)"])).map(
        lambda parts: parts[0] + str(parts[1])[:3] + parts[2] + str(parts[1])[3:] + parts[2]
    ),
}
FORMATS: dict[str, Strategy] = {
    "date": st.dates(datetime.date(2020, 1, 1), datetime.date(2040, 1, 1)).map(str),
    "uri": st.sampled_from(["https://crm.example/hook", "http://127.0.0.1:9/x", "HTTPS://10.0.0.1/", "https://u@crm.example/"]),
}
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just([1, {"a": None}]))
ITEMS_MOST = 4


class Bodies:
    def __init__(self, api: Description) -> None:
        self.api = api
        self._made: dict[tuple[int, str], Strategy] = {}

    def fitting(self, schema: Node, name: str = "") -> Strategy:
        """Values that fit the schema. Each strategy is made once."""
        key = (id(schema), name)
        if key not in self._made:
            self._made[key] = self._make(schema, name)
        return self._made[key]

    def failing(self, schema: Node) -> Strategy:
        """Values that do not."""
        return self.fitting(schema).flatmap(_spoilt).filter(lambda value: not self.api.fits(schema, value))

    def _make(self, schema: Node, name: str) -> Strategy:
        if name in TELLING:
            return TELLING[name]
        if "$ref" in schema:
            component = schema["$ref"].split("/")[-1]
            return NAMED[component] if component in NAMED else self.fitting(self.api.schema(component), name)
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "oneOf" in schema and "properties" not in schema:
            return st.one_of([self.fitting(part) for part in schema["oneOf"]])
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return st.one_of([getattr(self, f"_{kind}")(schema) for kind in kinds])

    # ---- by their type ----

    def _null(self, _: Node) -> Strategy:
        return st.none()

    def _boolean(self, _: Node) -> Strategy:
        return st.booleans()

    def _integer(self, schema: Node) -> Strategy:
        return st.integers(schema["minimum"], schema["maximum"])

    def _array(self, schema: Node) -> Strategy:
        return st.lists(self.fitting(schema["items"]), min_size=schema.get("minItems", 0), max_size=ITEMS_MOST)

    def _string(self, schema: Node) -> Strategy:
        least, most = schema.get("minLength", 0), schema.get("maxLength", 300)
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True).filter(lambda text: least <= len(text) <= most)
        return st.text(min_size=least, max_size=min(most, least + 20))

    def _object(self, schema: Node) -> Strategy:
        choices = [choice["required"] for choice in schema.get("oneOf", [])]
        if choices:  # one of several members, with what is required anyway and what else there may be
            others = {name: member for name, member in schema["properties"].items() if [name] not in choices}
            return st.one_of([self._members(schema, {**others, names[0]: schema["properties"][names[0]]}, names) for names in choices])
        return self._members(schema, schema.get("properties", {}), [])

    def _members(self, schema: Node, members: Node, chosen: list[str]) -> Strategy:
        required = {*schema.get("required", []), *chosen}
        made = {name: self.fitting(member, name) for name, member in members.items()}
        fixed = st.fixed_dictionaries(
            {name: value for name, value in made.items() if name in required},
            optional={name: value for name, value in made.items() if name not in required},
        )
        extra = schema.get("additionalProperties")
        if not extra:
            return fixed
        values = self.fitting(extra) if isinstance(extra, dict) else ANYTHING
        named = st.text(min_size=1, max_size=8).filter(lambda name: name not in members)
        return st.tuples(fixed, st.dictionaries(named, values, max_size=2)).map(lambda pair: {**pair[1], **pair[0]})


# ---- one fault ----


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something can be put in place of something."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inside:
        yield from _places(member, (*path, key))


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of it with another value there."""
    if not path:
        return new
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return changed


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _instead(old: Any) -> list[Any]:
    """What may be no good in its place: of another type, too much, too little, too long, with a member too many or few."""
    wrong = [None, True, -1, 0, 1.5, 10**13, "", "x", "x" * 5000, [], ["x"], {}, {"x": 1}]
    if isinstance(old, dict):
        wrong += [{**old, "misspelt": 1}, *({name: value for name, value in old.items() if name != gone} for gone in old)]
    return wrong


def _spoilt(good: Any) -> Strategy:
    places = list(_places(good))
    return st.sampled_from(places).flatmap(lambda path: st.sampled_from(_instead(_at(good, path))).map(lambda new: _put(good, path, new)))
