-- @include cell.lua
-- The agents that an operator lists for a tenant: agent id -> "active" | "inactive". Where none are listed, any may be named.
local function key_agents(tenant) return key_tenant(tenant) .. ':agents' end
