-- The scripts are checked as Redis sees them: expanded by embed.py (tests/lint/run.sh).
std = "lua51"
globals = {}
read_globals = { "redis", "cjson", "KEYS", "ARGV" }
max_line_length = 130
