# SPDX-License-Identifier: Apache-2.0
"""lib/agenda.lua, in which a claim keeps the sets that it goes through: whatever is put, taken off and moved, its head is the least
of what is in there, and commit() writes just that."""

from __future__ import annotations

import random

from tests.support.engine import Engine
from tests.support.scripts import source

# Does the steps in ARGV, a verb, a member and a score each; answers what each "head" found.
ANSWER = """
local a, found = agenda.of(P .. 'set'), {}
for at = 1, #ARGV, 3 do
  local verb, member, score = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local head, least = agenda.head(a)
  if verb == 'put' then
    agenda.put(a, member, score)
  elseif verb == 'move' and agenda.score(a, member) then
    agenda.put(a, member, score)
  elseif verb == 'drop' then
    agenda.drop(a, member)
  elseif verb == 'shift' and head then
    agenda.shift(a, head)
  elseif verb == 'defer' and head then
    agenda.defer(a, head, least + score)
  end
  found[#found + 1] = { head or '', head and fmt(least) or '' }
end
commit()
return found
"""


def test_a_set_taken_out_of_a_claims_hands_is_in_order_at_every_step(engine: Engine) -> None:
    client, text = engine.client, source("lib/agenda", ANSWER)
    for seed in range(60):
        chance = random.Random(seed)
        client.flushall()
        members = [f"m{n}" for n in range(chance.choice((3, 12, 150)))]
        held = {member: chance.randrange(8) for member in members if chance.random() < 0.7}
        if held:
            client.zadd(engine.key("set"), held)
        steps, heads = [], []
        for _ in range(chance.choice((5, 60, 200))):
            verb = chance.choice(("put", "put", "move", "drop", "shift", "shift", "defer"))
            member, score = chance.choice(members), chance.randrange(8)
            if verb == "put" and member in held:
                verb = "move"
            head = min(held, key=lambda name: (held[name], name), default=None)
            heads.append([(head or "").encode(), str(held[head]).encode() if head else b""])
            steps += [verb, member, score]
            if verb == "put" or (verb == "move" and member in held):
                held[member] = score
            elif verb == "drop":
                held.pop(member, None)
            elif verb == "shift" and head:
                del held[head]
            elif verb == "defer" and head:
                held[head] += score
        assert client.eval(text, 1, engine.scripts.prefix, *steps) == heads, seed
        assert {name.decode(): score for name, score in client.zrange(engine.key("set"), 0, -1, withscores=True)} == held, seed
