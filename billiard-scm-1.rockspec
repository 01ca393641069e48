rockspec_format = "3.0"
package = "billiard"
version = "scm-1"

source = {
  url = "git+https://github.com/billiard-lua/billiard.git",
}

description = {
  summary = "A process runtime: start, watch, limit and stop processes",
  detailed = [[
billiard starts Lua functions and programs as processes of their own, tells
how each of them ended, limits what they may use, and leaves none behind.
Written in C for Linux, usable from Lua 5.4 and from C.]],
  homepage = "https://github.com/billiard-lua/billiard",
  issues_url = "https://github.com/billiard-lua/billiard/issues",
  license = "MIT",
  labels = { "process", "fork", "multiprocessing", "linux" },
}

supported_platforms = { "linux" }
dependencies = { "lua >= 5.4, < 5.5" }

build = {
  type = "make",
  build_target = "all",
  install_target = "install-rock",
  build_variables = {
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    LIB_EXTENSION = "$(LIB_EXTENSION)",
  },
  install_variables = {
    BINDIR = "$(BINDIR)",
    LIBDIR = "$(LIBDIR)",
    LUADIR = "$(LUADIR)",
    LIB_EXTENSION = "$(LIB_EXTENSION)",
  },
  copy_directories = { "docs", "types" },
}

test = { type = "command", script = "spec/run.lua" }
