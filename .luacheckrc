std = "lua54"
max_line_length = 100
unused_args = false
exclude_files = { "build*", "types" }
files["spec"] = { std = "lua54+busted" }
files["**/*.rockspec"] = { std = "rockspec" }
