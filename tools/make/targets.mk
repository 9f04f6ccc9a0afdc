# SPDX-License-Identifier: GPL-2.0-only
#
# The half of the Makefile that people use.  Every target sets up what it needs:
# packages by tools/testing/vm/setup.sh, kernels by tools/testing/vm/kernel.sh,
# the latter in a cache outside of the tree.

KDIR ?= /lib/modules/$(shell uname -r)/build
INSTALL_MOD_PATH ?=

vm := tools/testing/vm
make := tools/make
export KDIR INSTALL_MOD_PATH

.DEFAULT_GOAL := modules

help:
	@sed -n 's/^#> \{0,1\}//p' tools/make/targets.mk

#> See it work, and test it: no module is loaded on this machine.
#>   make demo              a slice of a flash adapter in a guest, start to end
#>   make check             every test below, in this order; closing line "N passed, N failed, N skipped"
#>
#> Use it on this machine (Documentation/admin-guide/vfio.rst says what it means):
#>   make modules           build against the running kernel's headers, or KDIR=...
#>   make install           below updates/, which modprobe prefers (as root)
#>   make uninstall         go back to the distribution's modules (as root)
#>   make clean             remove all that was built here
#>
#> Work on it, the quickest test first:
#>   make style             checkpatch, kernel-doc, layers, spelling, licences     seconds
#>   make static            compiler warnings, sparse, Coccinelle, stack frames    minutes
#>   make unit              pure logic in user space, with ASan and UBSan          seconds
#>   make kunit             KUnit, on the debug kernel in a VM
#>   make vm                the tests of the user interface, on both kernels
#>   make vm T=NAME         one test, or one directory of tests such as T=vfio
#>   make vm K=debug        on one kernel: stock or debug
#>   make vm-shell          a prompt in a VM (K=debug for the debug kernel)
#>   make bench             instructions for each operation, beside what others take
#>   make check-long        the same as check, for hours: long races, random seeds
#>   make graft TREE=DIR    put these sources into a kernel tree, for in-tree builds
demo:
	@$(vm)/setup.sh build vm
	@$(vm)/demo.sh

check:
	@$(make)/check.sh style static unit kunit vm

modules:
	@$(make)/modules.sh build

install:
	@$(make)/modules.sh install

uninstall:
	@$(make)/modules.sh uninstall

clean:
	rm -rf build

style static unit kunit vm:
	@$(make)/check.sh $@

vm-shell:
	@$(vm)/setup.sh build vm
	@$(vm)/build.sh $(or $(K),stock) >/dev/null
	@$(vm)/shell.sh $(or $(K),stock)

check-long: export VFIO_TEST_SECONDS ?= 120
check-long: export VFIO_TEST_SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
check-long:
	@echo "VFIO_TEST_SECONDS=$$VFIO_TEST_SECONDS VFIO_TEST_SEED=$$VFIO_TEST_SEED"
	@$(make)/check.sh style static unit kunit vm

bench:
	@$(vm)/setup.sh build vm bench
	@tools/bench/bench.sh

graft:
	@tools/checks/graft.sh $(TREE)

export T K

.PHONY: help demo check modules install uninstall clean style static unit kunit vm
.PHONY: vm-shell check-long bench graft
