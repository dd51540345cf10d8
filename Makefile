# SPDX-License-Identifier: Apache-2.0
# Verbs. Each is a line or two: the building is Meson's, longer scripts are in tools/.
MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
IMAGES ?=
SANITIZE = -Dwerror=true -Dbuildtype=debugoptimized -Db_lundef=false -Db_sanitize

.PHONY: help all setup demo check asan tsan fuzz bench lint fmt install clean

all: build/build.ninja         ## build/smalti and build/libsmalti.{a,so}
	@ninja -C build
setup:                         ## installs what building needs (Debian packages) and builds Wasmtime, once
	@tools/setup
demo: setup                    ## a batch of photographs through WebAssembly filters, pictures in out/demo
	@$(MAKE) all && tools/demo $(IMAGES)
check:                         ## every test: release, sanitizers, fuzz corpora, lint, installation
	@tools/setup --check && tools/check
asan: build-asan/build.ninja   ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@ninja -C build-asan && tools/meson-test build-asan
tsan: build-tsan/build.ninja   ## the tests under ThreadSanitizer
	@ninja -C build-tsan && tools/meson-test build-tsan
fuzz: build-fuzz/build.ninja                   ## every fuzz target for FUZZ_SECONDS
	@ninja -C build-fuzz && tools/fuzz $(FUZZ_SECONDS)
bench: all                     ## the numbers of docs/benchmarks.md, on this machine
	@tools/bench $(IMAGES)
lint:                          ## format, headers alone, exported symbols, scripts
	@tools/lint
fmt:                           ## formats every C file
	@clang-format-19 -i $$(tools/sources '*.c' '*.h')
install: all                   ## into DESTDIR + PREFIX
	@meson configure build -Dprefix=$(PREFIX) && DESTDIR=$(DESTDIR) meson install -C build
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true
help:                          ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' Makefile | expand -t 10
clean:                         ## removes what was built here (not the cached Wasmtime)
	rm -rf build build-* out compile_commands.json

# A folder is configured when it is new, and again when the Wasmtime it should link has changed.
WASMTIME = tools/configure tools/wasmtime wasmtime/Cargo.lock wasmtime/Cargo.toml meson_options.txt
build/build.ninja: $(WASMTIME)
	@tools/configure build
build-check/build.ninja: $(WASMTIME)
	@tools/configure build-check -Dwerror=true
build-asan/build.ninja: $(WASMTIME)
	@tools/configure build-asan $(SANITIZE)=address,undefined
build-fuzz/build.ninja: $(WASMTIME)
	@CC=clang-19 tools/configure build-fuzz -Dfuzz=true $(SANITIZE)=address,undefined
build-tsan/build.ninja: $(WASMTIME)
	@CC=clang-19 tools/configure build-tsan $(SANITIZE)=thread
