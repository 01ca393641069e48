# billiard: a Lua-scriptable process runtime.  `make help` lists the targets.

VERSION     = 0.1.0
CC         ?= cc
PREFIX     ?= /usr/local
DESTDIR    ?=
BUILD      ?= build
LUA        ?= lua5.4
LUA_PC     ?= $(firstword $(foreach m,lua5.4 lua-5.4 lua54 lua,\
                $(shell pkg-config --exists '$(m) >= 5.4' 2>/dev/null && echo $(m))))
LUA_INCDIR ?= $(shell pkg-config --variable=includedir $(LUA_PC) 2>/dev/null)
LUA_CFLAGS ?= $(if $(LUA_INCDIR),-I$(LUA_INCDIR)) $(shell pkg-config --cflags $(LUA_PC) 2>/dev/null)
LUA_STATIC ?= $(firstword $(wildcard $(shell pkg-config --variable=libdir $(LUA_PC) 2>/dev/null)/liblua5.4.a \
                /usr/lib/*/liblua5.4.a /usr/local/lib/liblua.a))

# where things go; LuaRocks overrides the last three
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib/lua/5.4
LUADIR     ?= $(PREFIX)/share/lua/5.4
LIB_EXTENSION ?= so

CFLAGS     ?= -O2 -g
LIBFLAG    ?= -shared
WARNINGS    = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
              -Wmissing-prototypes -Wvla -Wpointer-arith
OUR_CFLAGS  = -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -fno-plt -I. \
              -DBL_VERSION='"$(VERSION)"' $(WARNINGS) $(WERROR) $(SANITIZE)
OUR_LDFLAGS = -Wl,-z,now -Wl,-z,relro $(SANITIZE)

RUNTIME_O   = $(patsubst %.c,$(BUILD)/%.o,$(wildcard runtime/*.c))
BINDING_O   = $(patsubst %.c,$(BUILD)/%.o,$(wildcard bindings/*.c))
HOST_O      = $(patsubst %.c,$(BUILD)/%.o,$(wildcard bindings/host/*.c)) $(BUILD)/embedded.o
SCRIPTS     = $(wildcard scripts/billiard/*.lua scripts/billiard/*/*.lua)
NATIVE      = $(patsubst spec/native/%.c,$(BUILD)/native/%,$(wildcard spec/native/*.c))
EXAMPLES_C  = $(patsubst scripts/examples/%.c,$(BUILD)/examples/%,$(wildcard scripts/examples/*.c))

CORE        = $(BUILD)/lib/billiard/core.$(LIB_EXTENSION)
ARCHIVE     = $(BUILD)/libbilliard.a
HOST        = $(BUILD)/bin/billiard
PC          = $(BUILD)/billiard.pc

all: $(CORE) $(ARCHIVE) $(HOST) $(PC)  ## build the library, the Lua module and the host

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(OUR_CFLAGS) $(CFLAGS) $(if $(filter bindings/% spec/fuzz/%,$<),$(LUA_CFLAGS)) -MMD -MP -c $< -o $@

$(BUILD)/embedded.c: tools/embed.sh $(SCRIPTS)
	@mkdir -p $(@D)
	sh tools/embed.sh $(SCRIPTS) > $@.tmp && mv $@.tmp $@

$(BUILD)/embedded.o: $(BUILD)/embedded.c
	$(CC) $(CPPFLAGS) $(OUR_CFLAGS) $(CFLAGS) -c $< -o $@

$(ARCHIVE): $(RUNTIME_O)
	$(AR) rcs $@.tmp $^ && mv $@.tmp $@

# -z nodelete: lua_close unloads C modules, and our exit handler must outlive that
$(CORE): $(BINDING_O) $(RUNTIME_O)
	@mkdir -p $(@D)
	$(CC) $(LIBFLAG) $(OUR_LDFLAGS) -Wl,-z,nodelete $(LDFLAGS) $^ -o $@

# its pages come in 64 KiB at a time, to each child of a zygote anew
$(HOST): OUR_LDFLAGS += -Wl,-z,max-page-size=65536
$(HOST): $(HOST_O) $(BINDING_O) $(RUNTIME_O)
	@mkdir -p $(@D)
	$(CC) $(OUR_LDFLAGS) -Wl,-E $(LDFLAGS) $^ $(LUA_STATIC) -lm -ldl -o $@

$(PC): Makefile
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include' '' \
	  'Name: billiard' 'Description: process runtime: start, watch, limit and stop processes' \
	  'Version: $(VERSION)' 'Libs: -L$${libdir} -lbilliard' 'Cflags: -I$${includedir}' > $@

$(BUILD)/native/%: spec/native/%.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(OUR_CFLAGS) $(CFLAGS) -MMD -MP $< $(ARCHIVE) $(OUR_LDFLAGS) $(LDFLAGS) -o $@

$(BUILD)/examples/%: scripts/examples/%.c $(ARCHIVE) $(BUILD)/billiard.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(OUR_CFLAGS) $(CFLAGS) -I$(BUILD) -MMD -MP $< $(ARCHIVE) $(OUR_LDFLAGS) $(LDFLAGS) -o $@

include tools/targets.mk
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
