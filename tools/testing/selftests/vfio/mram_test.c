// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mram sample, seen by a user-space VFIO client: what a VMM relies on
 *
 * Configuration space, regions, mmap, the doorbell in all its manners,
 * interrupts, reset, removal in mid-copy.  mram_mig_test.c has migration and
 * dirty page tracking.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include "kselftest_harness.h"
#include "mram_client.h"
#include "vfio_mdev_ids.h"
#include "vtest_lib.h"

FIXTURE(mram)
{
	struct mram_client c;
};

FIXTURE_SETUP(mram)
{
	mram_client_open(&self->c, "mram-1");
}

FIXTURE_TEARDOWN(mram)
{
	mram_client_close(&self->c);
}

/* --- configuration space */

TEST_F(mram, header_names_the_function)
{
	ASSERT_EQ(VFIO_MDEV_PCI_VENDOR, mram_cfg16(&self->c, PCI_VENDOR_ID));
	ASSERT_EQ(VFIO_MDEV_PCI_DEVICE_MRAM,
		  mram_cfg16(&self->c, PCI_DEVICE_ID));
	ASSERT_EQ(VFIO_MDEV_PCI_CLASS,
		  mram_cfg32(&self->c, PCI_CLASS_REVISION) >> 8);
	ASSERT_EQ(1, mram_cfg16(&self->c, PCI_INTERRUPT_LINE) >> 8);
	ASSERT_EQ(0, mram_cfg16(&self->c, PCI_CACHE_LINE_SIZE + 2) & 0x7f);
}

TEST_F(mram, read_only_bytes_stay)
{
	uint32_t before = mram_cfg32(&self->c, PCI_VENDOR_ID);

	mram_cfg_write32(&self->c, PCI_VENDOR_ID, ~before);
	ASSERT_EQ(before, mram_cfg32(&self->c, PCI_VENDOR_ID));
	mram_cfg_write32(&self->c, PCI_ROM_ADDRESS, ~0u);
	ASSERT_EQ(0, mram_cfg32(&self->c, PCI_ROM_ADDRESS));
}

TEST_F(mram, bars_tell_their_size)
{
	mram_cfg_write32(&self->c, PCI_BASE_ADDRESS_0, ~0u);
	ASSERT_EQ(~(uint32_t)(MRAM_BELL_BYTES - 1),
		  mram_cfg32(&self->c, PCI_BASE_ADDRESS_0));
	mram_cfg_write32(&self->c, PCI_BASE_ADDRESS_2, ~0u);
	mram_cfg_write32(&self->c, PCI_BASE_ADDRESS_3, ~0u);
	ASSERT_EQ(~((1u << 20) - 1) | PCI_BASE_ADDRESS_MEM_TYPE_64 |
		  PCI_BASE_ADDRESS_MEM_PREFETCH,
		  mram_cfg32(&self->c, PCI_BASE_ADDRESS_2));
	ASSERT_EQ(~0u, mram_cfg32(&self->c, PCI_BASE_ADDRESS_3));
	mram_cfg_write32(&self->c, PCI_BASE_ADDRESS_1, ~0u);
	ASSERT_EQ(0, mram_cfg32(&self->c, PCI_BASE_ADDRESS_1));
}

TEST_F(mram, msi_capability_is_the_only_one)
{
	uint32_t pos = mram_cfg16(&self->c, PCI_CAPABILITY_LIST) & 0xff;

	ASSERT_TRUE(mram_cfg16(&self->c, PCI_STATUS) & PCI_STATUS_CAP_LIST);
	ASSERT_EQ(PCI_CAP_ID_MSI, mram_cfg16(&self->c, pos));
	ASSERT_EQ(PCI_MSI_FLAGS_64BIT,
		  mram_cfg16(&self->c, pos + PCI_MSI_FLAGS));
	mram_cfg_write32(&self->c, pos + PCI_MSI_ADDRESS_LO, 0xfee00003);
	ASSERT_EQ(0xfee00000, mram_cfg32(&self->c, pos + PCI_MSI_ADDRESS_LO));
}

/* --- regions */

TEST_F(mram, regions_and_interrupts_are_those_of_a_pci_device)
{
	struct vfio_device_info info;
	struct vfio_region_info region;
	struct vfio_irq_info irq;

	vfio_device_info(self->c.u.device, &info);
	ASSERT_EQ(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET, info.flags);
	ASSERT_EQ(VFIO_PCI_NUM_REGIONS, info.num_regions);
	ASSERT_EQ(VFIO_PCI_NUM_IRQS, info.num_irqs);
	vfio_region_info(self->c.u.device, VFIO_PCI_BAR0_REGION_INDEX, &region);
	ASSERT_EQ(MRAM_BELL_BYTES, region.size);
	ASSERT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
		  region.flags);
	vfio_region_info(self->c.u.device, VFIO_PCI_ROM_REGION_INDEX, &region);
	ASSERT_EQ(0, region.size);
	ASSERT_EQ(-EINVAL, __vfio_region_info(self->c.u.device,
					      VFIO_PCI_NUM_REGIONS, &region));
	vfio_irq_info(self->c.u.device, VFIO_PCI_INTX_IRQ_INDEX, &irq);
	ASSERT_EQ(VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
		  VFIO_IRQ_INFO_AUTOMASKED, irq.flags);
	vfio_irq_info(self->c.u.device, VFIO_PCI_MSIX_IRQ_INDEX, &irq);
	ASSERT_EQ(0, irq.count);
	ASSERT_EQ(-EINVAL, __vfio_irq_info(self->c.u.device,
					   VFIO_PCI_ERR_IRQ_INDEX, &irq));
}

TEST_F(mram, ram_region_says_what_can_be_mapped)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_region_info *info;

	info = vfio_region_info_caps(self->c.u.device, MRAM_RAM_INDEX);
	sparse = (const void *)vfio_find_cap(info, info->cap_offset,
				VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	ASSERT_NE(NULL, sparse);
	ASSERT_EQ(1, sparse->nr_areas);
	ASSERT_EQ(0, sparse->areas[0].offset);
	ASSERT_EQ(info->size, sparse->areas[0].size);
	free(info);
}

TEST_F(mram, without_memory_decoding_nobody_answers)
{
	mram_cfg_write16(&self->c, PCI_COMMAND, 0);
	ASSERT_EQ(~0u, mram_reg(&self->c, MRAM_REG_ID));
	mram_reg_write(&self->c, MRAM_REG_SCRATCH, 1);
	mram_cfg_write16(&self->c, PCI_COMMAND, PCI_COMMAND_MEMORY);
	ASSERT_EQ(MRAM_ID_VALUE, mram_reg(&self->c, MRAM_REG_ID));
	ASSERT_EQ(0, mram_reg(&self->c, MRAM_REG_SCRATCH));
}

TEST_F(mram, registers_want_aligned_words)
{
	uint32_t value = 0x11223344;
	uint8_t byte = 0;

	ASSERT_EQ(-1, pwrite(self->c.u.device, &value, 4,
			     self->c.bell + MRAM_REG_SCRATCH + 1));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_EQ(-1, pwrite(self->c.u.device, &value, 2,
			     self->c.bell + MRAM_REG_SCRATCH));
	mram_reg_write(&self->c, MRAM_REG_SCRATCH, value);
	ASSERT_EQ(value, mram_reg(&self->c, MRAM_REG_SCRATCH));
	ASSERT_EQ(1, pread(self->c.u.device, &byte, 1,
			   self->c.bell + MRAM_REG_SCRATCH + 1));
	ASSERT_EQ(0x33, byte);
	mram_reg_write(&self->c, MRAM_REG_ID, 0);
	ASSERT_EQ(MRAM_ID_VALUE, mram_reg(&self->c, MRAM_REG_ID));
}

TEST_F(mram, transfers_end_with_the_region)
{
	char buf[64];

	ASSERT_EQ(16, pread(self->c.u.device, buf, 64,
			    self->c.ram + (1 << 20) - 16));
	ASSERT_EQ(-1, pread(self->c.u.device, buf, 1,
			    self->c.ram + (1 << 20)));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_EQ(-1, pread(self->c.u.device, buf, 1, 100ULL << 40));
}

TEST_F(mram, mmap_and_pread_see_the_same_ram)
{
	uint32_t value = 0x600df00d, back = 0;

	self->c.map[1000] = value;
	ASSERT_EQ(4, pread(self->c.u.device, &back, 4, self->c.ram + 4000));
	ASSERT_EQ(value, back);
	value = 0xfeed;
	ASSERT_EQ(4, pwrite(self->c.u.device, &value, 4, self->c.ram + 8));
	ASSERT_EQ(value, self->c.map[2]);
}

TEST_F(mram, mmap_refuses_what_is_not_there)
{
	int fd = self->c.u.device;

	ASSERT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd,
				   self->c.bell));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd,
				   self->c.ram + (1 << 20) - 4096));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE, fd, self->c.ram));
	ASSERT_EQ(EINVAL, errno);
}

TEST_F(mram, the_next_user_finds_it_clean)
{
	self->c.map[5] = 0x5ec4e7;
	mram_reg_write(&self->c, MRAM_REG_SCRATCH, 7);
	mram_client_reopen(&self->c);
	ASSERT_EQ(0, self->c.map[5]);
	ASSERT_EQ(0, mram_reg(&self->c, MRAM_REG_SCRATCH));
}

/* --- the doorbell */

static const struct {
	const char *name;
	uint32_t how;
} manners[] = {
	{ "by address", 0 },
	{ "by address, later", MRAM_CMD_ASYNC },
	{ "pinned", MRAM_CMD_PIN },
	{ "pinned, later", MRAM_CMD_PIN | MRAM_CMD_ASYNC },
};

TEST_F(mram, copies_both_ways_in_every_manner)
{
	uint8_t *ram = (uint8_t *)self->c.map;
	unsigned int i;

	for (i = 0; i < VFIO_ARRAY_SIZE(manners); i++) {
		TH_LOG("%s", manners[i].name);
		vfio_pattern_fill(self->c.mem + 100, 20000, i);
		memset(ram, 0, 1 << 20);
		ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->c, MRAM_CMD_TO_RAM |
						   manners[i].how,
						   MRAM_IOVA + 100, 4, 20000));
		ASSERT_TRUE(vfio_pattern_matches(ram + 4, 20000, i));
		ASSERT_EQ(0, ram[3] | ram[20004]);
		ASSERT_EQ(20000, mram_reg(&self->c, MRAM_REG_DONE_LEN));

		vfio_pattern_fill(ram + 7, 20000, i + 100);
		memset(self->c.mem, 0, MRAM_MEM);
		ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->c, MRAM_CMD_TO_GUEST |
						   manners[i].how,
						   MRAM_IOVA + 4090, 7, 20000));
		ASSERT_TRUE(vfio_pattern_matches(self->c.mem + 4090, 20000,
						 i + 100));
		ASSERT_EQ(0, self->c.mem[4089] | self->c.mem[24090]);
	}
	ASSERT_EQ(2 * i, mram_reg(&self->c, MRAM_REG_COUNT));
}

TEST_F(mram, errors_are_told_apart)
{
	unsigned int i;

	ASSERT_EQ(MRAM_ERR_CMD, mram_copy(&self->c, 3, MRAM_IOVA, 0, 1));
	ASSERT_EQ(MRAM_ERR_CMD, mram_copy(&self->c, MRAM_CMD_TO_RAM | 0x100,
					  MRAM_IOVA, 0, 1));
	ASSERT_EQ(MRAM_ERR_RANGE, mram_copy(&self->c, MRAM_CMD_TO_RAM,
					    MRAM_IOVA, 0, 0));
	ASSERT_EQ(MRAM_ERR_RANGE, mram_copy(&self->c, MRAM_CMD_TO_RAM,
					    MRAM_IOVA, 4, 1 << 20));
	ASSERT_EQ(MRAM_ERR_RANGE, mram_copy(&self->c, MRAM_CMD_TO_RAM,
					    MRAM_IOVA, ~0u, 2));
	ASSERT_EQ(MRAM_ERR_RANGE, mram_copy(&self->c, MRAM_CMD_TO_RAM,
					    ~0ULL, 0, 2));
	for (i = 0; i < VFIO_ARRAY_SIZE(manners); i++)
		ASSERT_EQ(MRAM_ERR_DMA, mram_copy(&self->c, MRAM_CMD_TO_RAM |
						  manners[i].how,
						  MRAM_IOVA + MRAM_MEM - 8, 0,
						  16));
	mram_cfg_write16(&self->c, PCI_COMMAND, PCI_COMMAND_MEMORY);
	ASSERT_EQ(MRAM_ERR_MASTER, mram_copy(&self->c, MRAM_CMD_TO_RAM,
					     MRAM_IOVA, 0, 16));
}

TEST_F(mram, read_only_memory_is_not_written)
{
	void *mem = vfio_mem_alloc(4096);
	unsigned int i;

	ASSERT_EQ(0, __vfio_map_flags(self->c.u.container,
				      VFIO_DMA_MAP_FLAG_READ, mem, 1ULL << 32,
				      4096));
	for (i = 0; i < VFIO_ARRAY_SIZE(manners); i++) {
		ASSERT_EQ(MRAM_ERR_DMA, mram_copy(&self->c, MRAM_CMD_TO_GUEST |
						  manners[i].how, 1ULL << 32,
						  0, 16));
		ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->c, MRAM_CMD_TO_RAM |
						   manners[i].how, 1ULL << 32,
						   0, 16));
	}
}

TEST_F(mram, pinned_pages_stay_until_unmapped)
{
	uint32_t pin = MRAM_CMD_PIN | MRAM_CMD_TO_RAM;

	ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->c, pin, MRAM_IOVA, 0, 12288));
	ASSERT_EQ(3, mram_reg(&self->c, MRAM_REG_PINNED));
	ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->c, pin, MRAM_IOVA, 0, 12288));
	ASSERT_EQ(3, mram_reg(&self->c, MRAM_REG_PINNED));
	ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->c, pin, MRAM_IOVA, 0,
					   MRAM_MEM));
	ASSERT_EQ(16, mram_reg(&self->c, MRAM_REG_PINNED));
	vfio_unmap(self->c.u.container, MRAM_IOVA, MRAM_MEM);
	ASSERT_EQ(0, mram_reg(&self->c, MRAM_REG_PINNED));
	ASSERT_EQ(MRAM_ERR_DMA, mram_copy(&self->c, pin, MRAM_IOVA, 0, 16));
}

struct pin_race {
	struct mram_client *c;
	bool stop;
};

static void *pin_race_thread(void *arg)
{
	struct pin_race *race = arg;

	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED))
		mram_copy(race->c, MRAM_CMD_TO_RAM | MRAM_CMD_PIN, MRAM_IOVA,
			  0, 8192);
	return NULL;
}

TEST_F(mram, unmap_races_with_pinning)
{
	struct pin_race race = { .c = &self->c };
	uint64_t unmapped;
	pthread_t thread;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, pin_race_thread, &race));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, __vfio_unmap(self->c.u.container, MRAM_IOVA,
					  MRAM_MEM, &unmapped));
		ASSERT_EQ(MRAM_MEM, unmapped);
		vfio_map(self->c.u.container, self->c.mem, MRAM_IOVA, MRAM_MEM);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	vfio_unmap(self->c.u.container, MRAM_IOVA, MRAM_MEM);
	ASSERT_EQ(0, mram_reg(&self->c, MRAM_REG_PINNED));
}

/* --- interrupts */

TEST_F(mram, msi_is_signalled_once_for_each_command)
{
	int fd = vfio_eventfd();
	unsigned int i;

	ASSERT_EQ(0, __vfio_set_trigger(self->c.u.device,
					VFIO_PCI_MSI_IRQ_INDEX, 0, fd));
	mram_copy(&self->c, MRAM_CMD_TO_RAM, MRAM_IOVA, 0, 16);
	ASSERT_EQ(0, vfio_eventfd_wait(fd, 10));
	mram_reg_write(&self->c, MRAM_REG_IRQ_ENABLE, MRAM_IRQ_DONE);
	ASSERT_EQ(0, vfio_eventfd_wait(fd, 10));
	for (i = 0; i < VFIO_ARRAY_SIZE(manners); i++) {
		mram_copy(&self->c, MRAM_CMD_TO_RAM | manners[i].how,
			  MRAM_IOVA, 0, 16);
		ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
	}
	ASSERT_EQ(0, __vfio_disable_irqs(self->c.u.device,
					 VFIO_PCI_MSI_IRQ_INDEX));
	mram_copy(&self->c, MRAM_CMD_TO_RAM, MRAM_IOVA, 0, 16);
	ASSERT_EQ(0, vfio_eventfd_wait(fd, 10));
}

TEST_F(mram, intx_is_a_level_that_masks_itself)
{
	int fd = vfio_eventfd();

	mram_reg_write(&self->c, MRAM_REG_IRQ_ENABLE, MRAM_IRQ_DONE);
	ASSERT_EQ(0, mram_intx_trigger(&self->c, fd));
	mram_copy(&self->c, MRAM_CMD_TO_RAM, MRAM_IOVA, 0, 16);
	ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
	ASSERT_TRUE(mram_cfg16(&self->c, PCI_STATUS) & PCI_STATUS_INTERRUPT);
	mram_copy(&self->c, MRAM_CMD_TO_RAM, MRAM_IOVA, 0, 16);
	ASSERT_EQ(0, vfio_eventfd_wait(fd, 10));
	/* Not acknowledged yet: unmasking signals again. */
	ASSERT_EQ(0, mram_intx_unmask(&self->c));
	ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
	mram_reg_write(&self->c, MRAM_REG_IRQ_STATUS, MRAM_IRQ_DONE);
	ASSERT_FALSE(mram_cfg16(&self->c, PCI_STATUS) & PCI_STATUS_INTERRUPT);
	ASSERT_EQ(0, mram_intx_unmask(&self->c));
	ASSERT_EQ(0, vfio_eventfd_wait(fd, 10));
}

TEST_F(mram, intx_is_unmasked_by_an_eventfd)
{
	int fd = vfio_eventfd(), unmask = vfio_eventfd();
	uint64_t one = 1;

	mram_reg_write(&self->c, MRAM_REG_IRQ_ENABLE, MRAM_IRQ_DONE);
	ASSERT_EQ(0, mram_intx_trigger(&self->c, fd));
	ASSERT_EQ(0, mram_intx_unmask_fd(&self->c, unmask));
	mram_copy(&self->c, MRAM_CMD_TO_RAM, MRAM_IOVA, 0, 16);
	ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
	ASSERT_EQ(8, write(unmask, &one, 8));
	ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
	mram_reg_write(&self->c, MRAM_REG_IRQ_STATUS, MRAM_IRQ_DONE);
	ASSERT_EQ(8, write(unmask, &one, 8));
	ASSERT_EQ(0, vfio_eventfd_wait(fd, 20));
	mram_copy(&self->c, MRAM_CMD_TO_RAM, MRAM_IOVA, 0, 16);
	ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
	ASSERT_EQ(0, mram_intx_unmask_fd(&self->c, -1));
	ASSERT_EQ(8, write(unmask, &one, 8));
	ASSERT_EQ(0, vfio_eventfd_wait(fd, 20));
}

TEST_F(mram, intx_can_be_masked_and_disabled)
{
	int fd = vfio_eventfd();

	mram_reg_write(&self->c, MRAM_REG_IRQ_ENABLE, MRAM_IRQ_DONE);
	ASSERT_EQ(0, mram_intx_trigger(&self->c, fd));
	ASSERT_EQ(0, mram_intx_mask(&self->c));
	mram_copy(&self->c, MRAM_CMD_TO_RAM, MRAM_IOVA, 0, 16);
	ASSERT_EQ(0, vfio_eventfd_wait(fd, 10));
	ASSERT_EQ(0, mram_intx_unmask(&self->c));
	ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
	mram_cfg_write16(&self->c, PCI_COMMAND, PCI_COMMAND_MEMORY |
			 PCI_COMMAND_INTX_DISABLE);
	ASSERT_EQ(0, mram_intx_unmask(&self->c));
	ASSERT_EQ(0, vfio_eventfd_wait(fd, 10));
	mram_cfg_write16(&self->c, PCI_COMMAND, PCI_COMMAND_MEMORY);
	ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
}

TEST_F(mram, interrupts_can_be_fired_for_a_test)
{
	const uint32_t none = VFIO_IRQ_SET_DATA_NONE |
			      VFIO_IRQ_SET_ACTION_TRIGGER;
	const uint32_t truth = VFIO_IRQ_SET_DATA_BOOL |
			      VFIO_IRQ_SET_ACTION_TRIGGER;
	int dev = self->c.u.device, fd = vfio_eventfd();
	static const uint32_t indices[] = {
		VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
		VFIO_PCI_REQ_IRQ_INDEX,
	};
	uint8_t yes = 1, no = 0;
	unsigned int i;

	for (i = 0; i < VFIO_ARRAY_SIZE(indices); i++) {
		uint32_t index = indices[i];

		ASSERT_EQ(0, __vfio_set_trigger(dev, index, 0, fd));
		ASSERT_EQ(0, __vfio_set_irqs(dev, none, index, 0, 1, NULL, 0));
		ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
		ASSERT_EQ(0, __vfio_set_irqs(dev, truth, index, 0, 1, &no, 1));
		ASSERT_EQ(0, vfio_eventfd_wait(fd, 10));
		ASSERT_EQ(0, __vfio_set_irqs(dev, truth, index, 0, 1, &yes, 1));
		ASSERT_EQ(1, vfio_eventfd_wait(fd, 5000));
		ASSERT_EQ(0, __vfio_set_trigger(dev, index, 0, -1));
		ASSERT_EQ(0, __vfio_set_irqs(dev, none, index, 0, 1, NULL, 0));
		ASSERT_EQ(0, vfio_eventfd_wait(fd, 10));
		ASSERT_EQ(0, __vfio_disable_irqs(dev, index));
	}
}

TEST_F(mram, set_irqs_refuses_nonsense)
{
	int dev = self->c.u.device, fd = vfio_eventfd();

	ASSERT_EQ(-EINVAL, __vfio_set_irqs(dev, VFIO_IRQ_SET_DATA_NONE |
					   VFIO_IRQ_SET_ACTION_TRIGGER,
					   VFIO_PCI_MSI_IRQ_INDEX, 0, 1, NULL,
					   0));
	ASSERT_EQ(-EINVAL, mram_intx_mask(&self->c));
	ASSERT_EQ(0, mram_intx_trigger(&self->c, fd));
	ASSERT_EQ(-EINVAL, __vfio_set_trigger(dev, VFIO_PCI_MSI_IRQ_INDEX, 0,
					      fd));
	ASSERT_EQ(0, __vfio_disable_irqs(dev, VFIO_PCI_INTX_IRQ_INDEX));
	ASSERT_EQ(0, __vfio_set_trigger(dev, VFIO_PCI_MSI_IRQ_INDEX, 0, fd));
	ASSERT_EQ(-EINVAL, __vfio_set_trigger(dev, VFIO_PCI_MSI_IRQ_INDEX, 1,
					      fd));
	ASSERT_EQ(-EINVAL, __vfio_set_trigger(dev, VFIO_PCI_MSI_IRQ_INDEX, 0,
					      self->c.u.group));
	ASSERT_EQ(-EBADF, __vfio_set_trigger(dev, VFIO_PCI_MSI_IRQ_INDEX, 0,
					     9999));
	ASSERT_EQ(-EINVAL, __vfio_set_trigger(dev, VFIO_PCI_MSIX_IRQ_INDEX, 0,
					      fd));
}

/* --- reset and removal */

TEST_F(mram, reset_clears_registers_and_keeps_ram)
{
	self->c.map[3] = 33;
	mram_reg_write(&self->c, MRAM_REG_SCRATCH, 5);
	mram_copy(&self->c, MRAM_CMD_TO_RAM, MRAM_IOVA, 4096, 16);
	vfio_ioctl(self->c.u.device, VFIO_DEVICE_RESET, NULL);
	ASSERT_EQ(0, mram_cfg16(&self->c, PCI_COMMAND));
	mram_cfg_write16(&self->c, PCI_COMMAND, PCI_COMMAND_MEMORY);
	ASSERT_EQ(0, mram_reg(&self->c, MRAM_REG_SCRATCH));
	ASSERT_EQ(0, mram_reg(&self->c, MRAM_REG_COUNT));
	ASSERT_EQ(0, mram_reg(&self->c, MRAM_REG_STATUS));
	ASSERT_EQ(33, self->c.map[3]);
}

static void *remove_thread(void *arg)
{
	struct mram_client *c = arg;

	c->removed = __vfio_mdev_remove(c->u.uuid);
	c->removed_ms = vfio_now_ms();
	return NULL;
}

TEST_F(mram, removal_asks_its_user_first)
{
	int fd = vfio_eventfd();
	uint64_t start;
	pthread_t thread;

	vfio_mdev_set_grace(self->c.u.uuid, 60000);
	ASSERT_EQ(0, __vfio_set_trigger(self->c.u.device,
					VFIO_PCI_REQ_IRQ_INDEX, 0, fd));
	start = vfio_now_ms();
	ASSERT_EQ(0, pthread_create(&thread, NULL, remove_thread, &self->c));
	ASSERT_NE(0, vfio_eventfd_wait(fd, 5000));
	/* Until the grace is over everything goes on working. */
	ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->c, MRAM_CMD_TO_RAM,
					   MRAM_IOVA, 0, 16));
	mram_client_let_go(&self->c);
	pthread_join(thread, NULL);
	ASSERT_EQ(0, self->c.removed);
	ASSERT_LT(self->c.removed_ms - start, 5000 + vfio_slack_ms());
}

TEST_F(mram, removal_does_not_wait_for_its_user)
{
	uint64_t start = vfio_now_ms();
	uint32_t value;

	vfio_mdev_set_grace(self->c.u.uuid, 0);
	mram_reg_write(&self->c, MRAM_REG_IRQ_ENABLE, MRAM_IRQ_DONE);
	self->c.map[0] = 1;
	mram_copy_start(&self->c, MRAM_CMD_TO_RAM | MRAM_CMD_ASYNC |
			MRAM_CMD_PIN, MRAM_IOVA, 0, MRAM_MEM);
	ASSERT_EQ(0, __vfio_mdev_remove(self->c.u.uuid));
	ASSERT_LT(vfio_now_ms() - start, 1000 + vfio_slack_ms());
	ASSERT_EQ(-1, pread(self->c.u.device, &value, 4, self->c.bell));
	ASSERT_EQ(ENODEV, errno);
	/* As a vanished PCI device reads. */
	ASSERT_EQ(~0u, self->c.map[0]);
	self->c.map[0] = 5;
	/* Its name is free at once. */
	ASSERT_EQ(0, __vfio_mdev_create("mram", "mram-1", self->c.u.uuid));
}

TEST_F(mram, removal_ends_a_copy_that_faults_for_ever)
{
	struct vt_uffd uffd;
	uint64_t start;

	ASSERT_EQ(0, vt_uffd_open(&uffd, MRAM_MEM));
	vfio_map(self->c.u.container, uffd.mem, 1ULL << 32, MRAM_MEM);
	vfio_mdev_set_grace(self->c.u.uuid, 0);
	mram_copy_start(&self->c, MRAM_CMD_TO_RAM | MRAM_CMD_ASYNC, 1ULL << 32,
			0, 4096);
	vfio_sleep_ms(100);
	ASSERT_EQ(MRAM_STATUS_BUSY, mram_reg(&self->c, MRAM_REG_STATUS));
	start = vfio_now_ms();
	ASSERT_EQ(0, __vfio_mdev_remove(self->c.u.uuid));
	ASSERT_LT(vfio_now_ms() - start, 1500 + vfio_slack_ms());
	vt_uffd_close(&uffd);
}

/* As many as possible of the large type, and away again: how many? */
static int fill_budget(void)
{
	static char uuid[40][VFIO_UUID_LEN];
	int i, nr, ret = 0;

	for (nr = 0; nr < 40 && !ret; nr++) {
		vfio_uuid_random(uuid[nr]);
		ret = __vfio_mdev_create("mram", "mram-16", uuid[nr]);
	}
	if (ret)
		nr--;
	for (i = 0; i < nr; i++)
		vfio_mdev_remove(uuid[i]);
	return ret == -ENOSPC ? nr : -1;
}

TEST_F(mram, budget_is_kept)
{
	char path[VFIO_PATH_LEN];
	long before;

	snprintf(path, sizeof(path), "/sys/class/mdev_bus/mram/%s/mram-16/%s",
		 "mdev_supported_types", "available_instances");
	before = vfio_attr_read_long(path);
	ASSERT_EQ(before, fill_budget());
	ASSERT_EQ(before, vfio_attr_read_long(path));
}

TEST_HARNESS_MAIN
