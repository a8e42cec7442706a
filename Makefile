# `make demo` and `make test` are all a newcomer needs. Each target installs what it lacks first (tools/setup), so a fresh clone works.
PREFIX ?= /usr/local
.PHONY: demo test install uninstall asan tsan bench lint analyze format fuzz macos arm clean

# On macOS tools/setup links LLVM 19 here under the names that the presets use.
export PATH := $(CURDIR)/build/llvm:$(PATH)
# Objects of one clone serve the next: paths are hashed relative to the clone.
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1
# Homebrew keeps OpenSSL where FindOpenSSL does not look.
ifeq ($(shell uname),Darwin)
export OPENSSL_ROOT_DIR ?= $(shell brew --prefix openssl@3 2>/dev/null)
endif
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
SECONDS_EACH ?= 20

demo:
	tools/setup build
	cmake --preset release --log-level=WARNING
	cmake --build --preset release --target assay
	@# An engine that cannot be installed says why here; the matrix goes on without it.
	-tools/setup engines
	-build/release/bin/assay engines install llama.cpp
	-build/release/bin/assay engines install mlx
	@# MLX on a CPU is slow: its requests get shorter, and the row says so.
	build/release/bin/assay matrix --budget 4s

test:
	tools/setup build engines test
	cmake --preset dev --log-level=WARNING
	cmake --build --preset dev
	ctest --preset dev -j $(JOBS)

# Into $(DESTDIR)$(PREFIX): bin/assay, its model, completions of bash, zsh and fish, man pages. A build that is there is taken as it is.
install:
	@[ -x build/release/bin/assay ] || { tools/setup build && cmake --preset release --log-level=WARNING && \
	  cmake --build --preset release --target assay; }
	DESTDIR='$(DESTDIR)' cmake --install build/release --prefix '$(PREFIX)' >build/release/install.log
	@echo 'install: $(DESTDIR)$(PREFIX)/bin/assay'

# What make install wrote; models and engines in $$ASSAY_HOME stay.
uninstall:
	cd '$(DESTDIR)$(PREFIX)' && rm -rf bin/assay bin/assay-worker-metalrt share/assay share/doc/assay \
	  share/bash-completion/completions/assay share/zsh/site-functions/_assay share/fish/vendor_completions.d/assay.fish \
	  share/man/man1/assay.1 share/man/man1/assay-*.1

asan tsan:
	tools/setup build test clang
	cmake --preset $@ --log-level=WARNING
	cmake --build --preset $@
	ctest --preset $@ -j $(JOBS)

bench:
	tools/setup build test
	cmake --preset dev --log-level=WARNING
	cmake --build --preset dev
	tools/bench build/dev/bench

lint:
	tools/setup build test clang
	cmake --preset dev --log-level=WARNING
	tools/lint build/dev

analyze:
	tools/setup build test clang
	cmake --preset dev --log-level=WARNING
	tools/lint --analyze build/dev

format:
	tools/setup clang
	git ls-files 'src/*.h' 'src/*.cpp' 'src/*.inl' 'tests/*.h' 'tests/*.cpp' | xargs clang-format-19 -i

fuzz:
	tools/setup build test clang
	cmake --preset fuzz --log-level=WARNING
	cmake --build --preset fuzz --target fuzz_targets
	tools/fuzz build/fuzz/fuzz $(SECONDS_EACH)

macos:
	tools/setup build test cross
	cmake --preset macos --log-level=WARNING
	cmake --build --preset macos
	@# Undefined symbols are left to the Mac's loader; one of our own would be a mistake that only shows there.
	@! llvm-nm-19 --undefined-only --demangle build/macos/bin/assay | grep 'assay::' || { echo 'macos: these are defined nowhere'; exit 1; }
	@echo 'macos: build/macos/bin/assay links'

arm:
	tools/setup build test cross
	cmake --preset aarch64-linux --log-level=WARNING
	cmake --build --preset aarch64-linux
	ctest --preset aarch64-linux -j $(JOBS)

clean:
	rm -rf build
