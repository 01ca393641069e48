# Everything but the building itself; `make help` lists it.

.PHONY: all help deps demo test unit examples spec host-spec rock inject model check lint \
  headers layers sizes surface asan valgrind gcstress bench install \
  install-rock install-c uninstall dist clean format
.DELETE_ON_ERROR:

SPECS    = $(sort $(wildcard spec/*_spec.lua spec/regress/*_spec.lua))
EXAMPLES = $(sort $(wildcard scripts/examples/*.lua scripts/examples/*.c))
OUR_C    = $(wildcard runtime/*.c bindings/*.c bindings/host/*.c)
OUR_H    = $(wildcard runtime/*.h bindings/*.h bindings/host/*.h)
TEST_C   = $(wildcard spec/fuzz/*.c spec/native/*.[ch] spec/native/child/*.[ch] bench/*.c)
OUR_LUA  = $(SCRIPTS) $(wildcard scripts/examples/*.lua \
             spec/*.lua spec/regress/*.lua spec/fixtures/*.lua spec/chaos/*.lua spec/inject/*.lua spec/model/*.lua tools/*.lua \
             bench/*.lua bench/peers/*.lua)

# who runs the specs: a Lua 5.4, or the host with LUA=host
SPEC_LUA = $(if $(filter host,$(LUA)),$(abspath $(HOST)),$(LUA))
# specs wait more than they work: three at a time, where there are two processors
SPEC_JOBS ?= $(shell n=$$(nproc); [ $$n -lt 2 ] || n=3; echo $$n)
SPEC_ENV = BUILD='$(abspath $(BUILD))' BILLIARD_HOST='$(abspath $(HOST))' \
           SPEC_JOBS=$(SPEC_JOBS)
# the tools are Lua 5.4 scripts, whatever runs the specs
TOOL_LUA = $(if $(filter host,$(LUA)),lua5.4,$(LUA))

# one line per group of tests: kind name passed failed
RESULTS  = $(BUILD)/results
CHECKS   = $(BUILD)/checks
STAGE    = $(abspath $(BUILD))/stage

# a sub-make that is silent and uses every processor
jobs     = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
quietly  = $(MAKE) -s $(jobs)
each     = SUBMAKE='$(MAKE) -s $(jobs)' sh tools/each.sh

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile tools/targets.mk | \
	  sed 's/:.*## /\t/' | awk -F'\t' '{ printf "  %-12s %s\n", $$1, $$2 }'

deps: ## install what building needs (apt-get; elsewhere name it)
	@sh tools/deps.sh build

demo: ## build, then count words by hand, on a pool and as a topology
	@sh tools/deps.sh build
	@echo "building $(HOST)"
	+@$(quietly) all
	@$(HOST) scripts/examples/wordcount.lua
	@echo; echo "the same on a pool, each file with a time limit of its own:"
	@$(HOST) scripts/examples/wordcount_pool.lua
	@echo; echo "the same as a topology, which $(HOST) runs:"
	@$(HOST) plan scripts/examples/wordcount_topology.lua
	@$(HOST) run scripts/examples/wordcount_topology.lua

# ---- tests ---------------------------------------------------------------

test: ## build and run every test; ends with "N passed, N failed"
	@sh tools/deps.sh build test
	@mkdir -p $(BUILD) && rm -f $(RESULTS)
	+@$(each) $(RESULTS) all unit examples rock spec || :
	@sh tools/summary.sh $(RESULTS)

unit: $(NATIVE) ## run the native tests (spec/native)
	@$(SPEC_ENV) sh tools/run-native.sh $(RESULTS) $(NATIVE)

spec: all ## run the specs (FILE=spec/x_spec.lua: one; LUA=host: in the host)
	@$(SPEC_ENV) sh tools/run-specs.sh $(RESULTS) $(SPEC_LUA) $(or $(FILE),$(SPECS))

host-spec: ## run the specs with the host as interpreter
	@$(MAKE) --no-print-directory spec LUA=host

examples: ## install into build/stage and run scripts/examples against it
	+@$(quietly) install DESTDIR= PREFIX=$(STAGE) BINDIR=$(STAGE)/bin \
	  LIBDIR=$(STAGE)/lib/lua/5.4 LUADIR=$(STAGE)/share/lua/5.4
	@CC='$(CC)' sh tools/run-examples.sh $(RESULTS) $(STAGE) $(TOOL_LUA) $(EXAMPLES)

rock: ## build the rock into a tree of its own and load it
	@LUA='$(TOOL_LUA)' sh tools/rock.sh $(RESULTS) $(abspath $(BUILD))

inject: all ## kill a process at every system call of send, receive and start
	@sh tools/deps.sh build test inject
	@mkdir -p $(BUILD) && rm -f $(RESULTS)
	@$(SPEC_ENV) $(TOOL_LUA) spec/inject/run.lua $(RESULTS); status=$$?; \
	  sh tools/summary.sh $(RESULTS) && exit $$status

model: ## have spin check the models of queue and lock (MODEL_MORE=1: larger)
	@sh tools/deps.sh build model
	@mkdir -p $(BUILD)/model && rm -f $(RESULTS)
	@CC='$(CC)' $(TOOL_LUA) spec/model/run.lua $(RESULTS) $(BUILD)/model; \
	  status=$$?; sh tools/summary.sh $(RESULTS) && exit $$status

chaos: all ## kill and stop who shares queues and locks, pools, trees; then the ledger
	@sh tools/deps.sh build test
	@mkdir -p $(BUILD) && rm -f $(RESULTS)
	@status=0; for storm in run pool tree; do \
	    $(SPEC_ENV) $(TOOL_LUA) spec/chaos/$$storm.lua $(RESULTS) || status=1; done; \
	  sh tools/summary.sh $(RESULTS) && exit $$status

# ---- checks --------------------------------------------------------------

check: ## every check below; ends with "N passed, N failed", one per check
	@sh tools/deps.sh build test check
	@mkdir -p $(BUILD) && rm -f $(CHECKS)
	+@$(each) -c $(CHECKS) lint headers layers sizes surface replay \
	  asan valgrind gcstress || :
	@sh tools/summary.sh $(CHECKS)

lint: ## luacheck, cppcheck, gcc and clang with -Werror, marks, sleeps
	+@status=0; \
	sh tools/lint.sh $(OUR_C) $(OUR_H) $(TEST_C) -- \
	  $(OUR_LUA) $(wildcard *.rockspec .busted) || status=1; \
	$(TOOL_LUA) tools/nosleep.lua $(SPECS) || status=1; \
	for cc in gcc clang; do \
	  command -v $$cc >/dev/null || { echo "no $$cc: skipped"; continue; }; \
	  echo "$$cc -Werror"; \
	  $(quietly) BUILD=build-lint/$$cc CC=$$cc WERROR=-Werror all natives \
	    || status=1; \
	done; exit $$status

.PHONY: natives
natives: $(NATIVE)

headers: $(BUILD)/billiard.h ## each header compiles alone
	@for h in $(OUR_H) $(BUILD)/billiard.h; do \
	  case $$h in bindings/*) lua='$(LUA_CFLAGS)' ;; *) lua= ;; esac; \
	  $(CC) $(CPPFLAGS) $(OUR_CFLAGS) -Werror $$lua -fsyntax-only \
	    -include $$h -x c /dev/null || exit 1; \
	done; echo "$(words $(OUR_H)) headers compile alone"

layers: ## includes go down, no cycle, one owner per danger
	@status=0; for tool in layers owners; do \
	  $(TOOL_LUA) tools/$$tool.lua $(OUR_C) $(OUR_H) || status=1; \
	done; exit $$status

sizes: ## lengths of files and functions against the caps
	@$(TOOL_LUA) tools/sizes.lua $(OUR_C) $(OUR_H) $(TEST_C) $(OUR_LUA)

surface: all $(BUILD)/billiard.h ## exports, names, docs, types and specs agree
	@nm -D --defined-only $(CORE) | awk '{ print $$3 }' > $(BUILD)/exported
	@LUA_CPATH='$(BUILD)/lib/?.so;;' $(TOOL_LUA) tools/surface.lua \
	  $(BUILD)/billiard.h $(BUILD)/exported $(SPECS)
	@$(TOOL_LUA) tools/errors.lua --check docs/errors.md
	@$(TOOL_LUA) tools/points.lua $(OUR_C)

SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=undefined
asan: ## native tests and specs (in the host) with ASan and UBSan
	@rm -rf build-asan/results build-asan/reports build-asan/logs
	@mkdir -p build-asan/reports
	@SUBMAKE='$(MAKE) -s $(jobs)' sh tools/asan.sh build-asan '$(SANITIZERS)'

valgrind: $(NATIVE) ## native tests under valgrind
	@rm -f $(RESULTS)-valgrind
	@$(SPEC_ENV) sh tools/run-valgrind.sh $(BUILD)/valgrind $(NATIVE)

gcstress: all ## the specs with a collector that never rests
	@rm -f $(RESULTS)-gcstress
	@BILLIARD_SPEC_GC=1 BILLIARD_SPEC_SCALE=4 SPEC_TIMEOUT=300 \
	  BILLIARD_SPEC_METHOD=forkserver \
	  $(MAKE) --no-print-directory spec RESULTS=$(RESULTS)-gcstress

# a fuzz target links with libFuzzer, or with replay.c, which runs files
FUZZ      = $(filter-out replay,$(basename $(notdir $(wildcard spec/fuzz/*.c))))
FUZZ_MAIN ?= $(BUILD)/spec/fuzz/replay.o
FUZZ_TIME ?= 60
$(BUILD)/fuzz/%: $(BUILD)/spec/fuzz/%.o $(FUZZ_MAIN) $(BINDING_O) $(RUNTIME_O)
	@mkdir -p $(@D)
	$(CC) $(OUR_LDFLAGS) $(FUZZER) $(LDFLAGS) $^ $(LUA_STATIC) -lm -ldl -o $@

.PHONY: replay fuzz fuzzers
.PRECIOUS: $(BUILD)/spec/fuzz/%.o
fuzzers: $(addprefix $(BUILD)/fuzz/,$(FUZZ))

replay: fuzzers ## run the fuzz targets over their corpus
	@for name in $(FUZZ); do \
	  $(BUILD)/fuzz/$$name spec/fuzz/corpus/$$name/* || exit 1; done

fuzz: ## libFuzzer with ASan and UBSan (clang), FUZZ_TIME seconds each (60)
	@sh tools/deps.sh build fuzz
	+@$(quietly) BUILD=build-fuzz CC=clang FUZZ_MAIN= FUZZER=-fsanitize=fuzzer \
	  SANITIZE='$(SANITIZERS) -fsanitize=fuzzer-no-link' \
	  CFLAGS='-O1 -g -fno-omit-frame-pointer' fuzzers
	@for name in $(FUZZ); do mkdir -p build-fuzz/corpus/$$name && \
	  ASAN_OPTIONS=detect_leaks=0 build-fuzz/fuzz/$$name -verbosity=0 \
	    -print_final_stats=1 -max_total_time=$(FUZZ_TIME) -timeout=10 \
	    -max_len=4096 -artifact_prefix=build-fuzz/ \
	    build-fuzz/corpus/$$name spec/fuzz/corpus/$$name || exit 1; done

# ---- figures -------------------------------------------------------------

# the floors are Lua modules: bare system calls in the process that is measured
$(BUILD)/bench/%.so: bench/%.c
	@mkdir -p $(@D)
	$(CC) -shared $(CPPFLAGS) $(OUR_CFLAGS) $(CFLAGS) $(LUA_CFLAGS) $< \
	  $(OUR_LDFLAGS) $(LDFLAGS) -o $@

BENCH_C = $(patsubst bench/%.c,$(BUILD)/bench/%.so,$(wildcard bench/*.c))
bench: all $(BENCH_C) ## print our figures beside the bare kernel's
	@sh tools/deps.sh build bench
	@$(SPEC_ENV) LUA_PATH='scripts/?.lua;scripts/?/init.lua;./?.lua;;' \
	  LUA_CPATH='$(BUILD)/lib/?.so;$(BUILD)/bench/?.so;;' \
	  $(SPEC_LUA) bench/run.lua

# ---- installing ----------------------------------------------------------

INCLUDEDIR = $(PREFIX)/include
ARCHIVEDIR = $(PREFIX)/lib
MANDIR     = $(PREFIX)/share/man/man1
MANPAGE    = $(wildcard docs/billiard.1)

$(BUILD)/billiard.h: tools/facade.sh $(wildcard runtime/*.h)
	@mkdir -p $(@D)
	@sh tools/facade.sh runtime/billiard.h > $@

install: install-rock install-c ## install below PREFIX (and DESTDIR)

# what a rock holds
install-rock: all
	@install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(LIBDIR)/billiard' \
	  '$(DESTDIR)$(LUADIR)/billiard'
	@install $(HOST) '$(DESTDIR)$(BINDIR)/billiard'
	@install $(CORE) '$(DESTDIR)$(LIBDIR)/billiard/core.$(LIB_EXTENSION)'
	@for script in $(SCRIPTS:scripts/%=%); do \
	  install -D -m 644 "scripts/$$script" '$(DESTDIR)$(LUADIR)'"/$$script" \
	    || exit 1; \
	done

# the .pc is written again: `make install` may name another PREFIX
install-c: all $(BUILD)/billiard.h
	@install -d '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(ARCHIVEDIR)/pkgconfig'
	@install -m 644 $(BUILD)/billiard.h '$(DESTDIR)$(INCLUDEDIR)/billiard.h'
	@install -m 644 $(ARCHIVE) '$(DESTDIR)$(ARCHIVEDIR)/libbilliard.a'
	@sed 's,^prefix=.*,prefix=$(PREFIX),' $(PC) \
	  > '$(DESTDIR)$(ARCHIVEDIR)/pkgconfig/billiard.pc'
	@$(if $(MANPAGE),install -d '$(DESTDIR)$(MANDIR)' && \
	  install -m 644 $(MANPAGE) '$(DESTDIR)$(MANDIR)/billiard.1',:)

uninstall: ## remove what install put there
	@rm -f '$(DESTDIR)$(BINDIR)/billiard' \
	  '$(DESTDIR)$(INCLUDEDIR)/billiard.h' \
	  '$(DESTDIR)$(ARCHIVEDIR)/libbilliard.a' \
	  '$(DESTDIR)$(ARCHIVEDIR)/pkgconfig/billiard.pc' \
	  '$(DESTDIR)$(MANDIR)/billiard.1'
	@rm -rf '$(DESTDIR)$(LIBDIR)/billiard' '$(DESTDIR)$(LUADIR)/billiard'

dist: ## a tarball of the last commit
	@mkdir -p $(BUILD)
	@git archive --prefix=billiard-$(VERSION)/ \
	  -o $(BUILD)/billiard-$(VERSION).tar.gz HEAD
	@echo "$(BUILD)/billiard-$(VERSION).tar.gz"

clean: ## remove everything built
	@rm -rf $(BUILD) build-asan build-fuzz build-lint

format: ## clang-format the C files in place
	@clang-format -i $(OUR_C) $(OUR_H) $(TEST_C)
