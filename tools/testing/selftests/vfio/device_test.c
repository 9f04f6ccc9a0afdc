// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device file: information, regions, interrupts, reset, mmap
 *
 * mram is the PCI function that a driver of ours makes with structured
 * callbacks, vtest-foreign what a driver for Linux 6.12 makes, and vtest-bare
 * has no callbacks at all.  The rules of VFIO_DEVICE_SET_IRQS are in
 * irq_test.c.
 */
#include "vfio_harness.h"
#include "vtest_ops.h"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "mram_regs.h"
#include "vfio_mdev_ids.h"

#define MRAM_RAM_BYTES	(1 << 20)
#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

/* Where nothing is. */
#define NOWHERE		((void *)-4096L)

FIXTURE(mram) {
	struct vfio_user u;
	int fd;
	uint64_t config;
	uint64_t bell;
	uint64_t ram;
};

static uint64_t region_offset(int fd, uint32_t index)
{
	struct vfio_region_info info;

	vfio_region_info(fd, index, &info);
	return info.offset;
}

static void config_write16(int fd, uint64_t pos, uint16_t value)
{
	VFIO_CHECK(pwrite(fd, &value, 2, pos) == 2);
}

FIXTURE_SETUP(mram)
{
	vfio_user_open(&self->u, "mram", "mram-1");
	self->fd = self->u.device;
	self->config = region_offset(self->fd, CONFIG);
	self->bell = region_offset(self->fd, BAR0);
	self->ram = region_offset(self->fd, BAR2);
	config_write16(self->fd, self->config + PCI_COMMAND,
		       PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

FIXTURE_TEARDOWN(mram)
{
	vfio_user_close(&self->u);
}

TEST_F(mram, info)
{
	struct vfio_device_info info;

	vfio_device_info(self->fd, &info);
	EXPECT_EQ(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET, info.flags);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, info.num_regions);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, info.num_irqs);
	EXPECT_EQ(sizeof(info), info.argsz);
	EXPECT_EQ(0, info.cap_offset);
}

TEST_F(mram, regions)
{
	struct vfio_region_info info;
	uint32_t i;

	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		ASSERT_OK(__vfio_region_info(self->fd, i, &info));
		EXPECT_EQ(i, info.index);
		switch (i) {
		case BAR0:
			EXPECT_EQ(MRAM_BELL_BYTES, info.size);
			break;
		case BAR2:
			EXPECT_EQ(MRAM_RAM_BYTES, info.size);
			EXPECT_NE(0, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
			break;
		case CONFIG:
			EXPECT_EQ(256, info.size);
			break;
		default:
			EXPECT_EQ(0, info.size);
			EXPECT_EQ(0, info.flags);
		}
		if (info.size)
			EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ |
				  VFIO_REGION_INFO_FLAG_WRITE, info.flags & 3);
		if (i != BAR2)
			EXPECT_EQ(0, info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	}
	EXPECT_ERR(EINVAL, __vfio_region_info(self->fd, VFIO_PCI_NUM_REGIONS,
					      &info));
	EXPECT_ERR(EINVAL, __vfio_region_info(self->fd, ~0U, &info));
}

TEST_F(mram, region_capabilities_grow_argsz)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_region_info info, *full;
	uint32_t need;

	/* Too small for capabilities: success, no offset, the size to bring. */
	vfio_region_info(self->fd, BAR2, &info);
	EXPECT_NE(0, info.flags & VFIO_REGION_INFO_FLAG_CAPS);
	EXPECT_EQ(0, info.cap_offset);
	EXPECT_GT(info.argsz, sizeof(info));
	need = info.argsz;

	/* One byte short is too short. */
	full = calloc(1, need);
	full->argsz = need - 1;
	full->index = BAR2;
	EXPECT_OK(__vfio_ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO, full));
	EXPECT_EQ(0, full->cap_offset);
	EXPECT_EQ(need, full->argsz);

	EXPECT_OK(__vfio_ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO, full));
	EXPECT_EQ(need, full->argsz);
	EXPECT_EQ(0, full->cap_offset % 8);
	EXPECT_GE(full->cap_offset, sizeof(info));
	sparse = (const void *)vfio_find_cap(full, full->cap_offset,
					     VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	ASSERT_NE(NULL, sparse);
	EXPECT_EQ(1, sparse->header.version);
	EXPECT_EQ(0, sparse->header.next);
	ASSERT_EQ(1, sparse->nr_areas);
	EXPECT_EQ(0, sparse->areas[0].offset);
	EXPECT_EQ(MRAM_RAM_BYTES, sparse->areas[0].size);
	free(full);
}

TEST_F(mram, interrupt_indices)
{
	struct vfio_irq_info info;

	vfio_irq_info(self->fd, VFIO_PCI_INTX_IRQ_INDEX, &info);
	EXPECT_EQ(1, info.count);
	EXPECT_EQ(VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
		  VFIO_IRQ_INFO_AUTOMASKED, info.flags);
	vfio_irq_info(self->fd, VFIO_PCI_MSI_IRQ_INDEX, &info);
	EXPECT_EQ(1, info.count);
	EXPECT_EQ(VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE, info.flags);
	vfio_irq_info(self->fd, VFIO_PCI_MSIX_IRQ_INDEX, &info);
	EXPECT_EQ(0, info.count);
	vfio_irq_info(self->fd, VFIO_PCI_REQ_IRQ_INDEX, &info);
	EXPECT_EQ(1, info.count);
	EXPECT_ERR(EINVAL, __vfio_irq_info(self->fd, VFIO_PCI_NUM_IRQS,
					   &info));
	EXPECT_ERR(EINVAL, __vfio_irq_info(self->fd, ~0U, &info));
}

TEST_F(mram, config_space)
{
	uint8_t bytes[256], byte;
	uint32_t dword;
	uint16_t word;
	int i;

	ASSERT_EQ(256, pread(self->fd, bytes, 256, self->config));
	ASSERT_EQ(2, pread(self->fd, &word, 2, self->config + PCI_VENDOR_ID));
	EXPECT_EQ(VFIO_MDEV_PCI_VENDOR, word);
	ASSERT_EQ(4, pread(self->fd, &dword, 4, self->config));
	EXPECT_EQ(VFIO_MDEV_PCI_DEVICE_MRAM << 16 | VFIO_MDEV_PCI_VENDOR,
		  dword);
	ASSERT_EQ(4, pread(self->fd, &dword, 4,
			   self->config + PCI_CLASS_REVISION));
	EXPECT_EQ(VFIO_MDEV_PCI_CLASS, dword >> 8);

	/* every byte alone is what it is in the whole */
	for (i = 0; i < 256; i++) {
		ASSERT_EQ(1, pread(self->fd, &byte, 1, self->config + i));
		EXPECT_EQ(bytes[i], byte) TH_LOG("byte %#x", i);
	}
	/* read-only registers stay */
	dword = 0;
	ASSERT_EQ(4, pwrite(self->fd, &dword, 4, self->config));
	ASSERT_EQ(4, pread(self->fd, &dword, 4, self->config));
	EXPECT_EQ(VFIO_MDEV_PCI_DEVICE_MRAM << 16 | VFIO_MDEV_PCI_VENDOR,
		  dword);
}

TEST_F(mram, bars_can_be_sized)
{
	static const struct {
		int bar;
		uint32_t mask;
		uint32_t low;
	} bars[] = {
		{ 0, ~(MRAM_BELL_BYTES - 1), 0 },
		{ 1, 0, 0 },
		{ 2, ~(MRAM_RAM_BYTES - 1), PCI_BASE_ADDRESS_MEM_TYPE_64 |
					    PCI_BASE_ADDRESS_MEM_PREFETCH },
		{ 3, ~0U, 0 },
		{ 4, 0, 0 },
		{ 5, 0, 0 },
	};
	uint32_t dword;
	uint64_t pos;
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(bars); i++) {
		pos = self->config + PCI_BASE_ADDRESS_0 + 4 * bars[i].bar;
		dword = ~0U;
		ASSERT_EQ(4, pwrite(self->fd, &dword, 4, pos));
		ASSERT_EQ(4, pread(self->fd, &dword, 4, pos));
		EXPECT_EQ(bars[i].mask | bars[i].low, dword)
			TH_LOG("BAR %d", bars[i].bar);
	}
}

TEST_F(mram, config_space_out_of_range)
{
	uint8_t buf[16];

	EXPECT_ERRNO(EINVAL, pread(self->fd, buf, 1, self->config + 256));
	EXPECT_ERRNO(EINVAL, pwrite(self->fd, buf, 1, self->config + 256));
	EXPECT_ERRNO(EINVAL, pread(self->fd, buf, 4, self->config + 0x10000));
	/* across the end: what there is */
	EXPECT_EQ(2, pread(self->fd, buf, 4, self->config + 254));
}

TEST_F(mram, registers)
{
	uint32_t value = 0;
	uint16_t half;
	uint8_t byte;

	ASSERT_EQ(4, pread(self->fd, &value, 4, self->bell + MRAM_REG_ID));
	EXPECT_EQ(MRAM_ID_VALUE, value);
	ASSERT_EQ(4, pread(self->fd, &value, 4,
			   self->bell + MRAM_REG_RAM_BYTES));
	EXPECT_EQ(MRAM_RAM_BYTES, value);

	value = 0x12345678;
	ASSERT_EQ(4, pwrite(self->fd, &value, 4,
			    self->bell + MRAM_REG_SCRATCH));
	ASSERT_EQ(2, pread(self->fd, &half, 2,
			   self->bell + MRAM_REG_SCRATCH));
	EXPECT_EQ(0x5678, half);
	ASSERT_EQ(1, pread(self->fd, &byte, 1,
			   self->bell + MRAM_REG_SCRATCH + 3));
	EXPECT_EQ(0x12, byte);

	EXPECT_ERRNO(EINVAL, pwrite(self->fd, &value, 2,
				    self->bell + MRAM_REG_SCRATCH));
	EXPECT_ERRNO(EINVAL, pwrite(self->fd, &value, 4,
				    self->bell + MRAM_REG_SCRATCH + 1));
	EXPECT_ERRNO(EINVAL, pread(self->fd, &value, 4,
				   self->bell + MRAM_BELL_BYTES));
}

TEST_F(mram, ram_in_every_width)
{
	static const size_t widths[] = { 1, 2, 4, 8, 3, 4096, 65536 };
	static const uint64_t places[] = {
		0, 1, 2, 7, 4095, MRAM_RAM_BYTES - 65536
	};
	static uint8_t out[65536], in[65536];
	size_t i, k;

	for (i = 0; i < VFIO_ARRAY_SIZE(widths); i++) {
		for (k = 0; k < VFIO_ARRAY_SIZE(places); k++) {
			vfio_pattern_fill(out, widths[i], i * 16 + k);
			memset(in, 0, sizeof(in));
			ASSERT_EQ(widths[i], pwrite(self->fd, out, widths[i],
						    self->ram + places[k]));
			ASSERT_EQ(widths[i], pread(self->fd, in, widths[i],
						   self->ram + places[k]));
			EXPECT_EQ(0, memcmp(in, out, widths[i]))
				TH_LOG("%zu at %#llx", widths[i],
				       (unsigned long long)places[k]);
		}
	}
}

TEST_F(mram, ram_edges)
{
	uint8_t buf[64] = {};

	EXPECT_EQ(1, pread(self->fd, buf, 1, self->ram + MRAM_RAM_BYTES - 1));
	EXPECT_EQ(8, pread(self->fd, buf, 64,
			   self->ram + MRAM_RAM_BYTES - 8));
	EXPECT_EQ(8, pwrite(self->fd, buf, 64,
			    self->ram + MRAM_RAM_BYTES - 8));
	EXPECT_ERRNO(EINVAL,
		     pread(self->fd, buf, 1, self->ram + MRAM_RAM_BYTES));
	EXPECT_ERRNO(EINVAL,
		     pwrite(self->fd, buf, 1, self->ram + MRAM_RAM_BYTES));
	EXPECT_EQ(0, pread(self->fd, buf, 0, self->ram));
	EXPECT_EQ(0, pwrite(self->fd, buf, 0, self->ram));
}

TEST_F(mram, no_such_region)
{
	uint64_t pos = region_offset(self->fd, VFIO_PCI_BAR1_REGION_INDEX);
	uint8_t buf[8];

	EXPECT_ERRNO(EINVAL, pread(self->fd, buf, 4, pos));
	EXPECT_ERRNO(EINVAL, pwrite(self->fd, buf, 4, pos));
	pos = (uint64_t)VFIO_PCI_NUM_REGIONS << 40;
	EXPECT_ERRNO(EINVAL, pread(self->fd, buf, 4, pos));
	pos = 1ULL << 62;
	EXPECT_ERRNO(EINVAL, pread(self->fd, buf, 4, pos));
	EXPECT_ERRNO(EINVAL, pread(self->fd, buf, 4, (off_t)-8));
}

TEST_F(mram, bad_buffers)
{
	size_t page = vfio_page_size();
	char *mem = vfio_guard_alloc(page);

	EXPECT_ERRNO(EFAULT, pread(self->fd, NOWHERE, 8, self->ram));
	EXPECT_ERRNO(EFAULT, pwrite(self->fd, NOWHERE, 8, self->ram));
	EXPECT_ERRNO(EFAULT, pread(self->fd, mem + page - 4, 8, self->config));
	EXPECT_EQ(4, pread(self->fd, mem + page - 4, 4, self->config));
	/* what is transferred before the fault counts, or the fault does */
	EXPECT_NE(3 * page, pread(self->fd, mem, 3 * page, self->ram));
	vfio_guard_free(mem, page);
}

TEST_F(mram, memory_decoding_off)
{
	uint32_t value = 0;

	config_write16(self->fd, self->config + PCI_COMMAND, 0);
	ASSERT_EQ(4, pread(self->fd, &value, 4, self->bell + MRAM_REG_ID));
	EXPECT_EQ(~0U, value);
	ASSERT_EQ(4, pwrite(self->fd, &value, 4, self->ram));
	config_write16(self->fd, self->config + PCI_COMMAND,
		       PCI_COMMAND_MEMORY);
	ASSERT_EQ(4, pread(self->fd, &value, 4, self->ram));
	EXPECT_EQ(0, value);
}

TEST_F(mram, reset)
{
	uint32_t value = 0xffffffff;
	uint16_t command;

	ASSERT_EQ(4, pwrite(self->fd, &value, 4,
			    self->bell + MRAM_REG_SCRATCH));
	EXPECT_OK(__vfio_ioctl_nr(self->fd, VFIO_DEVICE_RESET, 0));
	ASSERT_EQ(2, pread(self->fd, &command, 2,
			   self->config + PCI_COMMAND));
	EXPECT_EQ(0, command);
	config_write16(self->fd, self->config + PCI_COMMAND,
		       PCI_COMMAND_MEMORY);
	ASSERT_EQ(4, pread(self->fd, &value, 4,
			   self->bell + MRAM_REG_SCRATCH));
	EXPECT_EQ(0, value);
}

TEST_F(mram, mmap_shows_the_ram)
{
	uint32_t *ram, value = 0xabcd1234;
	size_t page = vfio_page_size();

	ram = mmap(NULL, MRAM_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->fd, self->ram);
	ASSERT_NE(MAP_FAILED, ram);
	ASSERT_EQ(4, pwrite(self->fd, &value, 4, self->ram + 3 * page));
	EXPECT_EQ(0xabcd1234, ram[3 * page / 4]);
	ram[5 * page / 4] = 77;
	ASSERT_EQ(4, pread(self->fd, &value, 4, self->ram + 5 * page));
	EXPECT_EQ(77, value);
	/* in pieces */
	ASSERT_OK(munmap(ram + page / 4, page));
	EXPECT_EQ(77, ram[5 * page / 4]);
	ASSERT_OK(munmap(ram, MRAM_RAM_BYTES));
}

TEST_F(mram, mmap_in_the_middle)
{
	size_t page = vfio_page_size();
	uint32_t *ram, value = 99;

	ram = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, self->fd,
		   self->ram + MRAM_RAM_BYTES - 2 * page);
	ASSERT_NE(MAP_FAILED, ram);
	ASSERT_EQ(4, pwrite(self->fd, &value, 4,
			    self->ram + MRAM_RAM_BYTES - page));
	EXPECT_EQ(99, ram[page / 4]);
	ASSERT_OK(munmap(ram, 2 * page));
}

TEST_F(mram, mmap_refused)
{
	size_t page = vfio_page_size();
	static const int indices[] = {
		BAR0, VFIO_PCI_BAR1_REGION_INDEX, VFIO_PCI_ROM_REGION_INDEX,
		CONFIG, VFIO_PCI_VGA_REGION_INDEX,
	};
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(indices); i++)
		EXPECT_ERRNO(EINVAL, (long)mmap(NULL, page, PROT_READ,
						MAP_SHARED, self->fd,
						region_offset(self->fd,
							      indices[i])));
	EXPECT_ERRNO(EINVAL, (long)mmap(NULL, page, PROT_READ, MAP_SHARED,
					self->fd,
					self->ram + MRAM_RAM_BYTES));
	EXPECT_ERRNO(EINVAL, (long)mmap(NULL, 2 * page, PROT_READ, MAP_SHARED,
					self->fd,
					self->ram + MRAM_RAM_BYTES - page));
	EXPECT_ERRNO(EINVAL, (long)mmap(NULL, MRAM_RAM_BYTES + page, PROT_READ,
					MAP_SHARED, self->fd, self->ram));
	EXPECT_ERRNO(EINVAL, (long)mmap(NULL, page, PROT_READ | PROT_WRITE,
					MAP_PRIVATE, self->fd, self->ram));
}

TEST_F(mram, mmap_outlives_the_descriptor)
{
	uint32_t *ram;

	ram = mmap(NULL, vfio_page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->fd, self->ram);
	ASSERT_NE(MAP_FAILED, ram);
	close(self->fd);
	self->u.device = -1;
	ram[0] = 1;
	EXPECT_EQ(1, ram[0]);
	/* it is still an open device */
	EXPECT_ERR(EBUSY, __vfio_group_unset_container(self->u.group));
	ASSERT_OK(munmap(ram, vfio_page_size()));
	EXPECT_OK(__vfio_group_unset_container(self->u.group));
}

TEST_F(mram, a_new_open_finds_it_clean)
{
	uint32_t value = 0x55555555;
	uint16_t command;

	ASSERT_EQ(4, pwrite(self->fd, &value, 4, self->ram));
	close(self->fd);
	self->u.device = vfio_group_get_device(self->u.group, self->u.uuid);
	self->fd = self->u.device;
	ASSERT_EQ(2, pread(self->fd, &command, 2,
			   self->config + PCI_COMMAND));
	EXPECT_EQ(0, command);
	config_write16(self->fd, self->config + PCI_COMMAND,
		       PCI_COMMAND_MEMORY);
	ASSERT_EQ(4, pread(self->fd, &value, 4, self->ram));
	EXPECT_EQ(0, value);
}

TEST_F(mram, two_descriptors_are_one_device)
{
	int second = vfio_group_get_device(self->u.group, self->u.uuid);
	uint32_t value = 0x600d600d;

	ASSERT_EQ(4, pwrite(self->fd, &value, 4, self->ram));
	value = 0;
	ASSERT_EQ(4, pread(second, &value, 4, self->ram));
	EXPECT_EQ(0x600d600d, value);
	close(second);
	ASSERT_EQ(4, pread(self->fd, &value, 4, self->ram));
	EXPECT_EQ(0x600d600d, value);
}

TEST_F(mram, unknown_ioctls)
{
	static const unsigned long cmds[] = {
		VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, VFIO_DEVICE_PCI_HOT_RESET,
		VFIO_DEVICE_QUERY_GFX_PLANE, VFIO_DEVICE_GET_GFX_DMABUF,
		VFIO_DEVICE_BIND_IOMMUFD, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		VFIO_DEVICE_DETACH_IOMMUFD_PT, VFIO_GET_API_VERSION,
		VFIO_IOMMU_ENABLE, _IO(VFIO_TYPE, 250), 0, 0xffffffff,
	};
	uint32_t arg[64] = { sizeof(arg) };
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(cmds); i++) {
		EXPECT_ERR(ENOTTY, __vfio_ioctl(self->fd, cmds[i], arg))
			TH_LOG("ioctl %#lx", cmds[i]);
	}
}

TEST_F(mram, vectored_io)
{
	uint32_t a = 1, b = 2, in[2] = {};
	struct iovec iov[2] = { { &a, 4 }, { &b, 4 } };

	EXPECT_EQ(8, pwritev(self->fd, iov, 2, self->ram));
	ASSERT_EQ(8, pread(self->fd, in, 8, self->ram));
	EXPECT_EQ(1, in[0]);
	EXPECT_EQ(2, in[1]);
}

/* The test driver in its flavours. */
FIXTURE(vtest) {
	struct vfio_user u;
	int fd;
};

FIXTURE_VARIANT(vtest) {
	const char *type;
};

FIXTURE_VARIANT_ADD(vtest, own) {
	.type = "vtest-own",
};

FIXTURE_VARIANT_ADD(vtest, foreign) {
	.type = "vtest-foreign",
};

FIXTURE_SETUP(vtest)
{
	vfio_user_open(&self->u, "vtest0", variant->type);
	self->fd = self->u.device;
}

FIXTURE_TEARDOWN(vtest)
{
	vfio_user_close(&self->u);
}

TEST_F(vtest, info_regions_and_interrupts)
{
	struct vfio_region_info region;
	struct vfio_device_info info;
	struct vfio_irq_info irq;
	uint32_t i;

	vfio_device_info(self->fd, &info);
	EXPECT_EQ(VFIO_DEVICE_FLAGS_RESET, info.flags);
	EXPECT_EQ(VTEST_NR_REGIONS, info.num_regions);
	EXPECT_EQ(VTEST_NR_IRQS, info.num_irqs);
	for (i = 0; i < VTEST_NR_REGIONS; i++) {
		vfio_region_info(self->fd, i, &region);
		EXPECT_EQ(VTEST_OFFSET(i), region.offset);
		EXPECT_EQ(VTEST_RAM_BYTES, region.size);
		EXPECT_EQ(0, region.flags & VFIO_REGION_INFO_FLAG_CAPS);
		EXPECT_EQ(sizeof(region), region.argsz);
	}
	EXPECT_ERR(EINVAL, __vfio_region_info(self->fd, i, &region));
	for (i = 0; i < VTEST_NR_IRQS; i++) {
		vfio_irq_info(self->fd, i, &irq);
		EXPECT_EQ(i == VTEST_IRQ_VECTORS ? VTEST_NR_VECTORS :
			  i == VTEST_IRQ_REQ, irq.count);
	}
	EXPECT_ERR(EINVAL, __vfio_irq_info(self->fd, i, &irq));
}

TEST_F(vtest, read_write_and_reset)
{
	uint8_t out[512], in[512];

	vfio_pattern_fill(out, sizeof(out), 5);
	vtest_ram_write(self->fd, out, sizeof(out));
	vtest_ram_read(self->fd, in, sizeof(in));
	EXPECT_EQ(0, memcmp(in, out, sizeof(in)));
	EXPECT_ERRNO(EFAULT, pread(self->fd, NOWHERE, 8, 0));
	EXPECT_ERRNO(EFAULT, pwrite(self->fd, NOWHERE, 8, 0));
	EXPECT_ERRNO(EINVAL, pread(self->fd, in, 8, VTEST_RAM_BYTES));
	EXPECT_ERRNO(EINVAL, pread(self->fd, in, 8, VTEST_OFFSET(100)));

	EXPECT_OK(__vfio_ioctl_nr(self->fd, VFIO_DEVICE_RESET, 0));
	vtest_ram_read(self->fd, in, sizeof(in));
	memset(out, 0, sizeof(out));
	EXPECT_EQ(0, memcmp(in, out, sizeof(in)));
}

TEST_F(vtest, mmap_of_every_kind)
{
	static const int regions[] = {
		VTEST_REGION_PFN, VTEST_REGION_PAGE, VTEST_REGION_REMAP,
		VTEST_REGION_FULL,
	};
	uint32_t *ram, value;
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(regions); i++) {
		ram = mmap(NULL, VTEST_RAM_BYTES, PROT_READ | PROT_WRITE,
			   MAP_SHARED, self->fd, VTEST_OFFSET(regions[i]));
		/* a foreign driver may have one way only */
		if (ram == MAP_FAILED) {
			EXPECT_STREQ("vtest-foreign", variant->type);
			continue;
		}
		ram[1024] = i + 1;
		ASSERT_EQ(4, pread(self->fd, &value, 4, 4096));
		EXPECT_EQ(i + 1, value) TH_LOG("region %d", regions[i]);
		ASSERT_OK(munmap(ram, VTEST_RAM_BYTES));
	}
	ram = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
		   VTEST_OFFSET(VTEST_REGION_REMAP));
	ASSERT_NE(MAP_FAILED, ram);
	ASSERT_OK(munmap(ram, 4096));
}

TEST_F(vtest, mmap_refused)
{
	EXPECT_ERRNO(EINVAL, (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED,
					self->fd,
					VTEST_OFFSET(VTEST_REGION_SLEEP)));
	EXPECT_ERRNO(EINVAL, (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED,
					self->fd,
					VTEST_OFFSET(VTEST_NR_REGIONS)));
	/* a driver that wants to replace the file */
	if (!strcmp(variant->type, "vtest-own"))
		EXPECT_ERRNO(EINVAL,
			     (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED,
					self->fd,
					VTEST_OFFSET(VTEST_REGION_FILE)));
}

TEST_F(vtest, unknown_ioctl_is_enotty)
{
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, _IO(VFIO_TYPE, 250), 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, 0, 0));
}

/* A driver without callbacks. */
FIXTURE(bare) {
	struct vfio_user u;
	int fd;
};

FIXTURE_SETUP(bare)
{
	vfio_user_open(&self->u, "vtest0", "vtest-bare");
	self->fd = self->u.device;
}

FIXTURE_TEARDOWN(bare)
{
	vfio_user_close(&self->u);
}

TEST_F(bare, has_no_ioctl)
{
	static const unsigned long cmds[] = {
		VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO, VFIO_DEVICE_SET_IRQS,
		VFIO_DEVICE_RESET, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
		VTEST_STATS, _IO(VFIO_TYPE, 250),
	};
	uint32_t arg[64] = { sizeof(arg) };
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(cmds); i++) {
		EXPECT_ERR(EINVAL, __vfio_ioctl(self->fd, cmds[i], arg))
			TH_LOG("ioctl %#lx", cmds[i]);
	}
}

TEST_F(bare, has_no_feature)
{
	int i;

	for (i = 0; i < 16; i++) {
		EXPECT_ERR(ENOTTY, __vfio_feature(self->fd, i |
				VFIO_DEVICE_FEATURE_PROBE, NULL, 0));
		EXPECT_ERR(ENOTTY, __vfio_feature(self->fd, i |
				VFIO_DEVICE_FEATURE_GET, NULL, 0));
	}
}

TEST_F(bare, has_no_read_write_mmap)
{
	char byte = 0;

	EXPECT_ERRNO(EINVAL, pread(self->fd, &byte, 1, 0));
	EXPECT_ERRNO(EINVAL, pwrite(self->fd, &byte, 1, 0));
	EXPECT_ERRNO(EINVAL, (long)mmap(NULL, vfio_page_size(), PROT_READ,
					MAP_SHARED, self->fd, 0));
}

TEST_F(bare, opens_and_closes)
{
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_OK(close(vfio_group_get_device(self->u.group,
						      self->u.uuid)));
	}
}

TEST_HARNESS_MAIN
