# SPDX-License-Identifier: GPL-2.0-only
#
# One Makefile, two halves: the kernel's build system reads the first when it
# builds the modules (make -C KDIR M=$PWD), people read the second: make help.

ifneq ($(KERNELRELEASE),)

# ---------------------------------------------------------------- Kbuild half
# Kbuild does not read an external Kconfig, so the options of ./Kconfig are
# set here by the same names; tools/checks/kconfig.sh compares the two.
export CONFIG_VFIO := m
export CONFIG_VFIO_IOMMU_TYPE1 := m
export CONFIG_VFIO_MDEV := m
export CONFIG_SAMPLE_VFIO_MDEV_MRAM := m
export CONFIG_CXLFLASH := m
export CONFIG_CXLFLASH_AFU := m
export CONFIG_VFIO_CXLFLASH_MDEV := m
export CONFIG_CXLFLASH_PCI := m
export CONFIG_VFIO_TEST_DRIVER := $(if $(VFIO_TESTS),m,n)
export CONFIG_VFIO_KUNIT_TEST := $(if $(VFIO_KUNIT),m,n)
export CONFIG_CXLFLASH_TEST_OWNER := $(if $(VFIO_TESTS),m,n)
export CONFIG_CXLFLASH_KUNIT_TEST := $(if $(VFIO_KUNIT),m,n)
export CONFIG_CXLFLASH_BENCH := $(if $(CXLFLASH_BENCH),m,n)

# Our <linux/vfio.h> and <linux/mdev.h> must win over the kernel's; only
# NOSTDINC_FLAGS comes early enough on the compiler's command line.
NOSTDINC_FLAGS += -I$(src)/include
export NOSTDINC_FLAGS

obj-y += drivers/vfio/
obj-y += drivers/scsi/cxlflash/
obj-y += samples/vfio-mdev/
obj-$(CONFIG_VFIO_TEST_DRIVER) += tools/testing/vtest/
obj-$(CONFIG_CXLFLASH_TEST_OWNER) += tools/testing/cxtest/
obj-$(CONFIG_CXLFLASH_BENCH) += tools/bench/

else
include tools/make/targets.mk
endif
