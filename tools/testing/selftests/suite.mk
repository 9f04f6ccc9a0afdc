# SPDX-License-Identifier: GPL-2.0-only
#
# What the directories of selftests share: each *_test.c becomes a program,
# with lib/*.c and ../lib/*.c, and the scripts are copied beside it, with the
# library that they share.  A directory that has a main.c becomes a program of
# its name, for scripts.
#
#   make -C tools/testing/selftests/<suite> KSRC=<unpacked kernel source> \
#        OUTPUT=<directory>
#
# Who includes this sets HEADERS (what everything depends on) and may add to
# CPPFLAGS.

ifeq ($(KSRC),)
ifneq ($(MAKECMDGOALS),clean)
$(error KSRC is not set: it is the unpacked source of the kernel)
endif
endif

OUTPUT ?= $(CURDIR)/build
override OUTPUT := $(abspath $(OUTPUT))
HERE := $(CURDIR)
REPO := $(abspath $(HERE)/../../../..)
# One directory holds the programs of all suites, but each has its own lib.
LIB := $(OUTPUT)/lib-$(notdir $(HERE))
COMMON := ../lib
SHELL_LIB := ../../lib/selftest_lib.sh

CFLAGS ?= -O2 -g
CFLAGS += -std=gnu11 -Wall -Wextra -Wno-unused-parameter \
	  -Wno-missing-field-initializers -Wno-sign-compare
# kselftest_harness.h has variables that live across setjmp().
CFLAGS += -Wno-clobbered
CPPFLAGS += -D_GNU_SOURCE -I$(HERE)/lib -I$(HERE)/$(COMMON) -I$(HERE)/.. \
	    -I$(KSRC)/tools/testing/selftests
LDLIBS += -lpthread

PROGRAMS := $(patsubst %.c,$(OUTPUT)/%,$(wildcard *_test.c))
TOOLS := $(patsubst %/main.c,$(OUTPUT)/%,$(wildcard */main.c))
SCRIPTS := $(patsubst %,$(OUTPUT)/%,$(wildcard *.sh)) \
	   $(OUTPUT)/$(notdir $(SHELL_LIB))
OBJECTS := $(patsubst lib/%.c,$(LIB)/%.o,$(wildcard lib/*.c)) \
	   $(patsubst $(COMMON)/%.c,$(LIB)/%.o,$(wildcard $(COMMON)/*.c))
HEADERS += $(wildcard lib/*.h) $(wildcard $(COMMON)/*.h) $(wildcard *.h)

all: $(PROGRAMS) $(TOOLS) $(SCRIPTS)

$(LIB)/%.o: lib/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(LIB)/%.o: $(COMMON)/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(OUTPUT)/%_test: %_test.c $(OBJECTS) $(HEADERS)
	$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $< $(OBJECTS) $(LDFLAGS) $(LDLIBS)

.SECONDEXPANSION:
$(TOOLS): $(OUTPUT)/%: $$(wildcard $$*/*.c $$*/*.h)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $(filter %.c,$^) $(LDFLAGS) $(LDLIBS)

$(OUTPUT)/%.sh: %.sh
	@mkdir -p $(@D)
	install -m 755 $< $@

$(OUTPUT)/$(notdir $(SHELL_LIB)): $(SHELL_LIB)
	@mkdir -p $(@D)
	install -m 755 $< $@

clean:
	$(RM) -r $(OUTPUT)

.PHONY: all clean
.DELETE_ON_ERROR:
