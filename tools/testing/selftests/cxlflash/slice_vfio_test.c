// SPDX-License-Identifier: GPL-2.0-only
/*
 * A slice as VFIO's contract has it: configuration space, regions, registers,
 * interrupts, reset, and verified I/O by a driver in user space
 *
 * slice_mem_test.c is about guest memory, slice_fuzz_test.c about guests that
 * mean no good.
 */
#include <pthread.h>

#include "kselftest_harness.h"
#include "slice_client.h"

#define ONES	(~0ULL)

FIXTURE(slice)
{
	struct client c;
};

FIXTURE_SETUP(slice)
{
	client_world("ram", NULL, "512M");
	client_open(&self->c);
}

FIXTURE_TEARDOWN(slice)
{
	client_close(&self->c);
	client_world_end();
}

/* --- what there is */

TEST_F(slice, info_has_regions_and_irqs)
{
	struct vfio_device_info info;
	struct vfio_region_info region;
	struct vfio_irq_info irq;
	struct client *c = &self->c;
	uint64_t size;
	uint32_t i;

	vfio_device_info(c->u.device, &info);
	EXPECT_EQ(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET, info.flags);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, info.num_regions);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, info.num_irqs);
	for (i = 0; i < info.num_regions; i++) {
		vfio_region_info(c->u.device, i, &region);
		size = i == VFIO_PCI_BAR0_REGION_INDEX ? 4 * CLIENT_AREA :
		       i == VFIO_PCI_BAR2_REGION_INDEX ||
		       i == VFIO_PCI_CONFIG_REGION_INDEX ? 4096 : 0;
		EXPECT_EQ(size, region.size);
		EXPECT_EQ(0, region.flags & VFIO_REGION_INFO_FLAG_MMAP);
	}
	EXPECT_EQ(-EINVAL, __vfio_region_info(c->u.device, i, &region));
	vfio_irq_info(c->u.device, VFIO_PCI_MSIX_IRQ_INDEX, &irq);
	EXPECT_EQ(c->nr_queues + 1, irq.count);
	EXPECT_TRUE(irq.flags & VFIO_IRQ_INFO_EVENTFD);
	vfio_irq_info(c->u.device, VFIO_PCI_REQ_IRQ_INDEX, &irq);
	EXPECT_EQ(1, irq.count);
	vfio_irq_info(c->u.device, VFIO_PCI_INTX_IRQ_INDEX, &irq);
	EXPECT_EQ(0, irq.count);
	EXPECT_EQ(-EINVAL, __vfio_irq_info(c->u.device,
					   VFIO_PCI_ERR_IRQ_INDEX, &irq));
}

TEST_F(slice, configuration_space_is_that_of_an_endpoint)
{
	struct client *c = &self->c;
	uint32_t exp, msix;

	EXPECT_EQ(S_DEVICE << 16 | S_VENDOR, client_cfg(c, PCI_VENDOR_ID, 4));
	EXPECT_EQ(S_CLASS, client_cfg(c, PCI_CLASS_REVISION, 4) >> 8);
	EXPECT_TRUE(client_cfg(c, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	EXPECT_EQ(0, client_cfg(c, PCI_INTERRUPT_PIN, 1));
	exp = client_cap(c, PCI_CAP_ID_EXP);
	ASSERT_NE(0, exp);
	EXPECT_EQ(2, client_cfg(c, exp + PCI_EXP_FLAGS, 2));
	EXPECT_TRUE(client_cfg(c, exp + PCI_EXP_DEVCAP, 4) &
		    PCI_EXP_DEVCAP_FLR);
	msix = client_cap(c, PCI_CAP_ID_MSIX);
	ASSERT_NE(0, msix);
	EXPECT_EQ(c->nr_queues, client_cfg(c, msix + PCI_MSIX_FLAGS, 2));
	EXPECT_EQ(2, client_cfg(c, msix + PCI_MSIX_TABLE, 4));
	EXPECT_EQ(0x802, client_cfg(c, msix + PCI_MSIX_PBA, 4));
	/* No extended capabilities, and nothing behind the end. */
	EXPECT_EQ(0, client_cfg(c, 0x100, 4));
	EXPECT_EQ(-1, pread(c->u.device, &exp, 4, c->cfg + 4096));
}

TEST_F(slice, configuration_space_is_written_through_masks)
{
	struct client *c = &self->c;
	uint32_t msix = client_cap(c, PCI_CAP_ID_MSIX);

	client_cfg_put(c, PCI_VENDOR_ID, 4, 0);
	EXPECT_EQ(S_DEVICE << 16 | S_VENDOR, client_cfg(c, PCI_VENDOR_ID, 4));
	client_cfg_put(c, PCI_BASE_ADDRESS_0, 4, ~0u);
	EXPECT_EQ(~(4 * CLIENT_AREA - 1) & 0xffffffff,
		  client_cfg(c, PCI_BASE_ADDRESS_0, 4) & ~0xfu);
	EXPECT_EQ(PCI_BASE_ADDRESS_MEM_TYPE_64,
		  client_cfg(c, PCI_BASE_ADDRESS_0, 4) & 0xf);
	client_cfg_put(c, PCI_BASE_ADDRESS_1, 4, ~0u);
	EXPECT_EQ(~0u, client_cfg(c, PCI_BASE_ADDRESS_1, 4));
	client_cfg_put(c, PCI_BASE_ADDRESS_2, 4, ~0u);
	EXPECT_EQ(0xfffff000, client_cfg(c, PCI_BASE_ADDRESS_2, 4));
	client_cfg_put(c, PCI_ROM_ADDRESS, 4, ~0u);
	EXPECT_EQ(0, client_cfg(c, PCI_ROM_ADDRESS, 4));
	client_cfg_put(c, PCI_COMMAND, 2, 0xffff);
	EXPECT_EQ(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		  PCI_COMMAND_INTX_DISABLE, client_cfg(c, PCI_COMMAND, 2));
	client_cfg_put(c, msix + PCI_MSIX_FLAGS, 2, 0xffff);
	EXPECT_EQ(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL |
		  c->nr_queues, client_cfg(c, msix + PCI_MSIX_FLAGS, 2));
}

TEST_F(slice, registers_tell_what_it_is)
{
	struct client *c = &self->c;
	char text[VFIO_UUID_LEN], hex[33];
	unsigned int i, n = 0;

	for (i = 0; i < c->nr_queues; i++) {
		EXPECT_EQ(0x43584c534c494345ULL, client_get(c, i, S_MAGIC));
		EXPECT_EQ(1, client_get(c, i, S_VERSION));
		EXPECT_EQ(4, client_get(c, i, S_NR_QUEUES));
		EXPECT_EQ(128, client_get(c, i, S_DEPTH));
		EXPECT_EQ(65536, client_get(c, i, S_NR_BLOCKS));
		EXPECT_EQ(4096, client_get(c, i, S_BLOCK_SIZE));
		EXPECT_EQ(0, client_get(c, i, S_FLAGS));
		EXPECT_EQ(0, client_get(c, i, S_EVENTS));
		EXPECT_EQ(!i, client_get(c, 0, S_CTX_ID) ==
			      client_get(c, i, S_CTX_ID));
	}
	snprintf(hex, sizeof(hex), "%016llx%016llx",
		 (unsigned long long)client_get(c, 0, S_UUID_HIGH),
		 (unsigned long long)client_get(c, 0, S_UUID_LOW));
	for (i = 0; i < 32; i++) {
		if (n == 8 || n == 13 || n == 18 || n == 23)
			text[n++] = '-';
		text[n++] = hex[i];
	}
	text[n] = 0;
	EXPECT_STREQ(c->u.uuid, text);
	EXPECT_EQ(0, client_get(c, 0, 0x9000));
	EXPECT_EQ(7, client_get(c, 0, R_FEATURES) & 7);
}

TEST_F(slice, halves_and_odd_accesses)
{
	struct client *c = &self->c;
	uint64_t at = c->regs + R_SQ_START;
	uint32_t half;
	uint8_t byte;

	client_put(c, 0, R_SHADOW, 0);
	client_put(c, 0, R_SQ_START, 0);
	half = htobe32(0x11223344);
	ASSERT_EQ(4, pwrite(c->u.device, &half, 4, at));
	EXPECT_EQ(0, client_get(c, 0, R_SQ_START));
	half = htobe32(0x55667788);
	ASSERT_EQ(4, pwrite(c->u.device, &half, 4, at + 4));
	EXPECT_EQ(0x1122334455667788ULL, client_get(c, 0, R_SQ_START));
	ASSERT_EQ(4, pread(c->u.device, &half, 4, at));
	EXPECT_EQ(htobe32(0x11223344), half);
	ASSERT_EQ(4, pread(c->u.device, &half, 4, at + 4));
	EXPECT_EQ(htobe32(0x55667788), half);
	/* The upper half is used up, and is one register's only. */
	half = htobe32(9);
	ASSERT_EQ(4, pwrite(c->u.device, &half, 4, at + 4));
	EXPECT_EQ(9, client_get(c, 0, R_SQ_START));
	ASSERT_EQ(4, pwrite(c->u.device, &half, 4, c->regs + R_RRQ_START));
	ASSERT_EQ(4, pwrite(c->u.device, &half, 4, at + 4));
	EXPECT_EQ(9, client_get(c, 0, R_SQ_START));
	/* What is no access to a register. */
	ASSERT_EQ(1, pread(c->u.device, &byte, 1, at + 7));
	EXPECT_EQ(0xff, byte);
	byte = 1;
	ASSERT_EQ(1, pwrite(c->u.device, &byte, 1, at + 7));
	EXPECT_EQ(9, client_get(c, 0, R_SQ_START));
}

TEST_F(slice, without_memory_decoding_it_reads_as_ones)
{
	struct client *c = &self->c;

	client_command(c, PCI_COMMAND_MASTER);
	EXPECT_EQ(ONES, client_get(c, 0, S_MAGIC));
	EXPECT_EQ(ONES, client_get(c, 0, R_CMD_ROOM));
	client_put(c, 0, R_SHADOW, 0);
	client_put(c, 0, R_SQ_START, 0x1000);
	client_command(c, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	EXPECT_EQ(client_ea(0, CLIENT_SQ), client_get(c, 0, R_SQ_START));
}

/* With another setting, which can be made only while it is closed. */
static void reopen_with(struct client *c, const char *path, const char *value)
{
	close(c->u.device);
	vfio_attr_write(path, "%s", value);
	c->u.device = vfio_group_get_device(c->u.group, c->u.uuid);
	client_start(c);
}

TEST_F(slice, number_of_queues_is_a_setting)
{
	struct client *c = &self->c;
	struct vfio_region_info region;
	char path[VFIO_PATH_LEN];

	vfio_mdev_path(c->u.uuid, "queues", path);
	EXPECT_EQ(-EBUSY, __vfio_attr_write(path, "3"));
	reopen_with(c, path, "3");
	EXPECT_EQ(3, c->nr_queues);
	vfio_region_info(c->u.device, VFIO_PCI_BAR0_REGION_INDEX, &region);
	EXPECT_EQ(4 * CLIENT_AREA, region.size);
	EXPECT_EQ(ONES, client_get(c, 3, S_MAGIC));
	EXPECT_EQ(ONES, client_get(c, 3, R_CMD_ROOM));
	client_put(c, 3, R_IOARRIN, 1);
	reopen_with(c, path, "1");
	EXPECT_EQ(1, c->nr_queues);
	vfio_region_info(c->u.device, VFIO_PCI_BAR0_REGION_INDEX, &region);
	EXPECT_EQ(CLIENT_AREA, region.size);
}

/* --- I/O */

static uint64_t data_ea(uint64_t off)
{
	return CLIENT_IOVA + CLIENT_DATA + off;
}

static uint8_t *data(struct client *c, uint64_t off)
{
	return c->mem + CLIENT_DATA + off;
}

/* Patterns of all shapes by all queues come back. */
static void check_io(struct __test_metadata *_metadata, struct client *c)
{
	static const struct {
		uint32_t blocks;
		uint32_t skew;
	} shapes[] = { { 1, 0 }, { 1, 2048 }, { 1, 3 }, { 16, 512 }, { 33, 0 },
		       { 256, 4095 }, { 600, 0 } };
	unsigned int i, q;
	uint32_t bytes;

	for (i = 0; i < VFIO_ARRAY_SIZE(shapes); i++) {
		for (q = 0; q < c->nr_queues; q++) {
			bytes = shapes[i].blocks * CLIENT_BLOCK;
			vfio_pattern_fill(data(c, shapes[i].skew), bytes,
					  i * 16 + q);
			ASSERT_EQ(0, client_rw(c, q, true, 1000 * q + i,
					       shapes[i].blocks,
					       data_ea(shapes[i].skew)));
			ASSERT_EQ(0, client_rw(c, q, false, 1000 * q + i,
					       shapes[i].blocks,
					       data_ea((4 << 20) +
						       shapes[i].skew)));
			ASSERT_TRUE(vfio_pattern_matches(data(c, (4 << 20) +
						shapes[i].skew), bytes,
						i * 16 + q))
				TH_LOG("shape %u, queue %u", i, q);
		}
	}
}

TEST_F(slice, what_was_written_is_read)
{
	check_io(_metadata, &self->c);
}

TEST(on_persistent_memory)
{
	struct client c = { };

	/* Not in each VM, and not loaded where nobody asks. */
	if (!system("modprobe -qa nd_e820 nd_pmem"))
		VFIO_WAIT(!access("/dev/pmem0", F_OK), 5000);
	if (access("/dev/pmem0", F_OK))
		SKIP(return, "no persistent memory");
	client_world("pmem", "/dev/pmem0", "512M");
	client_open(&c);
	EXPECT_EQ((256 << 20) / CLIENT_BLOCK, c.nr_blocks);
	check_io(_metadata, &c);
	client_close(&c);
	client_world_end();
}

TEST_F(slice, scatter_lists)
{
	struct client *c = &self->c;
	struct { uint64_t ea; uint32_t len, flags; } *list;
	struct cx_arcb arcb;
	int i, write;

	list = (void *)data(c, 0);
	for (write = 1; write >= 0; write--) {
		/* Every third page, backwards. */
		for (i = 0; i < 32; i++) {
			list[i].ea = data_ea((1 << 20) + (31 - i) * 3 * 4096);
			list[i].len = 4096;
			list[i].flags = 0;
			if (write)
				vfio_pattern_fill(data(c, (1 << 20) +
						       (31 - i) * 3 * 4096),
						  4096, i);
			else
				memset(data(c, (1 << 20) + i * 3 * 4096), 0,
				       4096);
		}
		client_arcb_rw(&arcb, write, 77, 32, data_ea(0));
		arcb.ioadl_len = 32 * 16;
		ASSERT_EQ(0, client_wait(c, 0, client_submit(c, 0, &arcb),
					 CLIENT_MS));
	}
	for (i = 0; i < 32; i++)
		EXPECT_TRUE(vfio_pattern_matches(data(c, (1 << 20) +
						      (31 - i) * 3 * 4096),
						 4096, i));
}

TEST_F(slice, full_queues)
{
	struct client *c = &self->c;
	unsigned int slot[CLIENT_DEPTH - 1], round, i;
	struct cx_arcb arcb;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < CLIENT_DEPTH - 1; i++) {
			client_arcb_rw(&arcb, true, i, 1, data_ea(i * 4096));
			memset(data(c, i * 4096), i + round, 4096);
			slot[i] = client_submit(c, 1, &arcb);
		}
		for (i = 0; i < CLIENT_DEPTH - 1; i++)
			ASSERT_EQ(0, client_wait(c, 1, slot[i], CLIENT_MS));
	}
	ASSERT_EQ(0, client_rw(c, 2, false, 0, CLIENT_DEPTH - 1,
			       data_ea(1 << 20)));
	for (i = 0; i < CLIENT_DEPTH - 1; i++)
		ASSERT_EQ((uint8_t)(i + round - 1),
			  data(c, (1 << 20) + i * 4096)[i]);
}

TEST_F(slice, limits_of_the_slice_hold)
{
	struct client *c = &self->c;
	struct cx_arcb arcb;

	EXPECT_NE(0, client_rw(c, 0, false, c->nr_blocks, 1, data_ea(0)));
	EXPECT_NE(0, client_rw(c, 0, true, c->nr_blocks - 1, 2, data_ea(0)));
	EXPECT_NE(0, client_rw(c, 0, true, ~0ULL, 1, data_ea(0)));
	EXPECT_EQ(0, client_rw(c, 0, true, c->nr_blocks - 1, 1, data_ea(0)));
	/* Another handle, and LUNs by address. */
	client_arcb_rw(&arcb, false, 0, 1, data_ea(0));
	arcb.hndl = 1;
	EXPECT_NE(0, client_wait(c, 0, client_submit(c, 0, &arcb), CLIENT_MS));
	client_arcb_rw(&arcb, false, 0, 1, data_ea(0));
	arcb.flags &= ~F_HNDL;
	arcb.hndl = 1;
	EXPECT_NE(0, client_wait(c, 0, client_submit(c, 0, &arcb), CLIENT_MS));
	EXPECT_EQ(0, client_rw(c, 0, false, 0, 1, data_ea(0)));
}

/* --- interrupts */

static int msix_fd(struct client *c, unsigned int vector)
{
	int fd = vfio_eventfd();

	VFIO_CHECK(!__vfio_set_trigger(c->u.device, VFIO_PCI_MSIX_IRQ_INDEX,
				       vector, fd));
	return fd;
}

static uint32_t read_with_irq(struct client *c, unsigned int q)
{
	struct cx_arcb arcb;

	client_arcb_rw(&arcb, false, 0, 1, data_ea(0));
	arcb.msi = 2;
	return client_wait(c, q, client_submit(c, q, &arcb), CLIENT_MS);
}

static int msix_mask(struct client *c, uint32_t action, unsigned int vector)
{
	return __vfio_set_irqs(c->u.device, VFIO_IRQ_SET_DATA_NONE | action,
			       VFIO_PCI_MSIX_IRQ_INDEX, vector, 1, NULL, 0);
}

static uint64_t pending_bits(struct client *c)
{
	uint64_t bits;

	VFIO_CHECK(pread(c->u.device, &bits, 8, c->msix + 0x800) == 8);
	return le64toh(bits);
}

TEST_F(slice, each_queue_has_its_vector)
{
	struct client *c = &self->c;
	int fd[CLIENT_QUEUES + 1];
	unsigned int i, q;

	for (i = 0; i <= c->nr_queues; i++)
		fd[i] = msix_fd(c, i);
	for (q = 0; q < c->nr_queues; q++) {
		ASSERT_EQ(0, read_with_irq(c, q));
		for (i = 0; i <= c->nr_queues; i++)
			EXPECT_EQ(i == q + 1, !!vfio_eventfd_wait(fd[i], i ==
						q + 1 ? CLIENT_MS : 0));
	}
	/* An IOARCB that nobody can have: vector 0, by ctx_ctrl. */
	client_put(c, 0, R_IOARRIN, 0x17);
	EXPECT_NE(0, vfio_eventfd_wait(fd[0], CLIENT_MS));
	EXPECT_EQ(0x8, client_get(c, 0, R_INTR_STATUS));
	/* By hand, then no more. */
	EXPECT_EQ(0, __vfio_set_irqs(c->u.device, VFIO_IRQ_SET_DATA_NONE |
				     VFIO_IRQ_SET_ACTION_TRIGGER,
				     VFIO_PCI_MSIX_IRQ_INDEX, 2, 1, NULL, 0));
	EXPECT_EQ(1, vfio_eventfd_wait(fd[2], 0));
	EXPECT_EQ(0, __vfio_disable_irqs(c->u.device,
					 VFIO_PCI_MSIX_IRQ_INDEX));
	ASSERT_EQ(0, read_with_irq(c, 1));
	EXPECT_EQ(0, vfio_eventfd_wait(fd[2], 0));
	for (i = 0; i <= c->nr_queues; i++)
		close(fd[i]);
}

TEST_F(slice, a_masked_vector_is_pending)
{
	struct client *c = &self->c;
	uint32_t ctrl = 1, was;
	int fd = msix_fd(c, 1);

	ASSERT_EQ(0, msix_mask(c, VFIO_IRQ_SET_ACTION_MASK, 1));
	ASSERT_EQ(0, read_with_irq(c, 0));
	EXPECT_TRUE(VFIO_WAIT(pending_bits(c) == 2, CLIENT_MS));
	EXPECT_EQ(0, vfio_eventfd_wait(fd, 0));
	ASSERT_EQ(0, msix_mask(c, VFIO_IRQ_SET_ACTION_UNMASK, 1));
	EXPECT_EQ(1, vfio_eventfd_wait(fd, CLIENT_MS));
	EXPECT_EQ(0, pending_bits(c));
	/* The same by the table, whose mask bits are on after power-on. */
	ASSERT_EQ(4, pread(c->u.device, &was, 4, c->msix + 16 + 12));
	EXPECT_EQ(1, was);
	ASSERT_EQ(4, pwrite(c->u.device, &ctrl, 4, c->msix + 16 + 12));
	ASSERT_EQ(0, read_with_irq(c, 0));
	EXPECT_TRUE(VFIO_WAIT(pending_bits(c) == 2, CLIENT_MS));
	EXPECT_EQ(0, vfio_eventfd_wait(fd, 0));
	ctrl = 0;
	ASSERT_EQ(4, pwrite(c->u.device, &ctrl, 4, c->msix + 16 + 12));
	EXPECT_EQ(1, vfio_eventfd_wait(fd, CLIENT_MS));
	close(fd);
}

TEST_F(slice, the_table_keeps_what_is_written)
{
	struct client *c = &self->c;
	uint64_t address = 0xfee00000fee01004ULL, back;

	ASSERT_EQ(8, pwrite(c->u.device, &address, 8, c->msix + 32));
	ASSERT_EQ(8, pread(c->u.device, &back, 8, c->msix + 32));
	EXPECT_EQ(address, back);
	/* Behind the last vector, and the pending bits. */
	ASSERT_EQ(8, pwrite(c->u.device, &address, 8, c->msix + 16 * 5));
	ASSERT_EQ(8, pread(c->u.device, &back, 8, c->msix + 16 * 5));
	EXPECT_EQ(0, back);
	ASSERT_EQ(8, pwrite(c->u.device, &address, 8, c->msix + 0x800));
	EXPECT_EQ(0, pending_bits(c));
}

TEST_F(slice, set_irqs_errors)
{
	struct client *c = &self->c;
	uint32_t trigger = VFIO_IRQ_SET_DATA_EVENTFD |
			   VFIO_IRQ_SET_ACTION_TRIGGER;
	int32_t fds[3] = { -1, -2, -1 };

	EXPECT_EQ(-EINVAL, __vfio_set_irqs(c->u.device, trigger,
					   VFIO_PCI_MSIX_IRQ_INDEX, 0, 3, fds,
					   sizeof(fds)));
	fds[1] = c->u.container;
	EXPECT_EQ(-EINVAL, __vfio_set_irqs(c->u.device, trigger,
					   VFIO_PCI_MSIX_IRQ_INDEX, 0, 3, fds,
					   sizeof(fds)));
	EXPECT_EQ(-EINVAL, __vfio_set_irqs(c->u.device, trigger,
					   VFIO_PCI_MSIX_IRQ_INDEX, 4, 2, fds,
					   8));
	EXPECT_EQ(-EINVAL, __vfio_set_irqs(c->u.device, trigger,
					   VFIO_PCI_INTX_IRQ_INDEX, 0, 1, fds,
					   4));
	fds[0] = vfio_eventfd();
	EXPECT_EQ(-ENOTTY, __vfio_set_irqs(c->u.device,
					   VFIO_IRQ_SET_DATA_EVENTFD |
					   VFIO_IRQ_SET_ACTION_UNMASK,
					   VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, fds,
					   4));
	close(fds[0]);
}

/* --- resize, removal */

TEST_F(slice, a_resize_is_an_event)
{
	struct client *c = &self->c;
	char path[VFIO_PATH_LEN];
	int fd = msix_fd(c, 0);

	vfio_mdev_path(c->u.uuid, "read_only", path);
	vfio_attr_write(path, "1");
	EXPECT_NE(0, vfio_eventfd_wait(fd, CLIENT_MS));
	EXPECT_EQ(2, client_get(c, 1, S_EVENTS));
	EXPECT_EQ(1, client_get(c, 1, S_FLAGS));
	client_put(c, 2, S_EVENTS, 4);
	EXPECT_EQ(2, client_get(c, 1, S_EVENTS));
	client_put(c, 0, S_EVENTS, 2);
	EXPECT_EQ(0, client_get(c, 1, S_EVENTS));
	EXPECT_NE(0, client_rw(c, 0, true, 0, 1, data_ea(0)));
	vfio_attr_write(path, "0");
	EXPECT_EQ(0, client_get(c, 1, S_FLAGS));
	/* The disk tells of it too, once: a unit attention. */
	client_rw(c, 0, true, 0, 1, data_ea(0));
	EXPECT_EQ(0, client_rw(c, 0, true, 0, 1, data_ea(0)));
	close(fd);
}

static void *remove_it(void *arg)
{
	struct client *c = arg;

	return (void *)(long)__vfio_mdev_remove(c->u.uuid);
}

/* The grace is the device's own, and longer than its adapter's. */
TEST_F(slice, removal_asks_then_revokes)
{
	struct client *c = &self->c;
	int fd = vfio_eventfd();
	pthread_t thread;
	uint64_t v;
	void *ret;

	vfio_mdev_set_grace(c->u.uuid, 5000);
	ASSERT_EQ(0, __vfio_set_trigger(c->u.device, VFIO_PCI_REQ_IRQ_INDEX, 0,
					fd));
	ASSERT_EQ(0, pthread_create(&thread, NULL, remove_it, c));
	EXPECT_NE(0, vfio_eventfd_wait(fd, CLIENT_MS));
	usleep(1500000);
	EXPECT_EQ(8, pread(c->u.device, &v, 8, c->regs));
	pthread_join(thread, &ret);
	EXPECT_EQ(NULL, ret);
	EXPECT_EQ(-1, pread(c->u.device, &v, 8, c->regs));
	EXPECT_EQ(ENODEV, errno);
	close(fd);
}

/* --- reset */

static void flr(struct client *c)
{
	uint32_t exp = client_cap(c, PCI_CAP_ID_EXP);

	client_cfg_put(c, exp + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	VFIO_CHECK(!(client_cfg(c, exp + PCI_EXP_DEVCTL, 2) &
		     PCI_EXP_DEVCTL_BCR_FLR));
}

static void reset_by_ioctl(struct client *c)
{
	vfio_ioctl(c->u.device, VFIO_DEVICE_RESET, NULL);
}

FIXTURE(reset)
{
	struct client c;
};

FIXTURE_VARIANT(reset)
{
	void (*reset)(struct client *c);
};

FIXTURE_VARIANT_ADD(reset, flr) { .reset = flr };
FIXTURE_VARIANT_ADD(reset, ioctl) { .reset = reset_by_ioctl };

FIXTURE_SETUP(reset)
{
	client_world("ram", NULL, "512M");
	client_open(&self->c);
}

FIXTURE_TEARDOWN(reset)
{
	client_close(&self->c);
	client_world_end();
}

TEST_F(reset, it_is_as_after_power_on)
{
	struct client *c = &self->c;
	unsigned int q;

	vfio_pattern_fill(data(c, 0), 4096, 1);
	ASSERT_EQ(0, client_rw(c, 0, true, 5, 1, data_ea(0)));
	variant->reset(c);
	EXPECT_EQ(0, client_cfg(c, PCI_COMMAND, 2));
	EXPECT_EQ(ONES, client_get(c, 0, S_MAGIC));
	client_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (q = 0; q < c->nr_queues; q++) {
		EXPECT_EQ(0, client_get(c, q, R_RRQ_START));
		EXPECT_EQ(0, client_get(c, q, R_SQ_START));
		EXPECT_EQ(0, client_get(c, q, R_SHADOW));
		client_queue_start(c, q);
	}
	memset(data(c, 0), 0, 4096);
	ASSERT_EQ(0, client_rw(c, 3, false, 5, 1, data_ea(0)));
	EXPECT_TRUE(vfio_pattern_matches(data(c, 0), 4096, 1));
}

TEST_F(reset, under_io_drops_it)
{
	struct client *c = &self->c;
	struct cx_arcb arcb;
	unsigned int i, round;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 64; i++) {
			client_arcb_rw(&arcb, true, i * 16, 16,
				       data_ea(i * 65536));
			client_submit(c, i % c->nr_queues, &arcb);
		}
		variant->reset(c);
		/* Nothing of it comes any more: memory is the guest's own. */
		memset(c->mem, 0, CLIENT_DATA);
		client_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		for (i = 0; i < CLIENT_DATA; i++)
			ASSERT_EQ(0, c->mem[i]);
		for (i = 0; i < c->nr_queues; i++)
			client_queue_start(c, i);
		ASSERT_EQ(0, client_rw(c, 0, false, 0, 1, data_ea(0)));
	}
}

/* Memory is taken away with the device, which no command is to blame for. */
TEST_F(slice, closing_it_under_io_drops_it)
{
	struct client *c = &self->c;
	unsigned int i, round, word;
	struct cx_arcb arcb;

	for (round = 0; round < 20; round++) {
		/* Nothing of it is pinned yet. */
		for (i = 0; i < 64; i++) {
			client_arcb_rw(&arcb, false, i * 16, 16,
				       data_ea(i * 65536));
			client_submit(c, i % c->nr_queues, &arcb);
		}
		client_reopen_begin(c);
		for (i = 0; i < 64; i++) {
			memcpy(&word, client_asa(c, i % c->nr_queues,
						 i / c->nr_queues), 4);
			ASSERT_EQ(0, word);
		}
		client_reopen_end(c);
	}
	EXPECT_EQ(0, client_rw(c, 0, false, 0, 1, data_ea(0)));
}

/* Its contexts outlive a process that has mapped memory for them. */
TEST_F(slice, who_has_mapped_the_memory_exits)
{
	struct client *c = &self->c;
	pid_t pid = fork();
	void *mem;

	if (!pid) {
		mem = vfio_mem_alloc(CLIENT_MEM);
		vfio_unmap(c->u.container, CLIENT_IOVA, CLIENT_MEM);
		vfio_map(c->u.container, mem, CLIENT_IOVA, CLIENT_MEM);
		_exit(0);
	}
	ASSERT_EQ(0, vfio_child_wait(pid, CLIENT_MS));
	client_put(c, 0, R_IOARRIN, client_ea(0, CLIENT_SQ));
	EXPECT_TRUE(VFIO_WAIT(client_get(c, 0, R_INTR_STATUS), CLIENT_MS));
	EXPECT_NE(ONES, client_get(c, 0, R_CTX_CTRL));
	/* That request is not for the next one's ring. */
	client_put(c, 0, R_IOARRIN, 1);
	EXPECT_TRUE(VFIO_WAIT(!client_get(c, 0, R_IOARRIN), CLIENT_MS));
	vfio_unmap(c->u.container, CLIENT_IOVA, CLIENT_MEM);
	vfio_map(c->u.container, c->mem, CLIENT_IOVA, CLIENT_MEM);
	client_start(c);
	EXPECT_EQ(0, client_rw(c, 0, true, 0, 1, data_ea(0)));
}

/* --- reset of the adapter */

static void *reset_the_adapter(void *ret)
{
	*(int *)ret = __vfio_attr_write("/sys/bus/cxlflash/devices/sv/reset",
					"1");
	return NULL;
}

static bool is_failed(struct client *c)
{
	return client_get(c, 0, R_CTX_CTRL) == ONES;
}

/*
 * The reset waits for the slow command of one slice, while the other is opened
 * and reset.  Neither gets that one's contexts to live before the adapter's.
 */
TEST(open_and_reset_while_the_adapter_is_reset)
{
	static struct client slow, late;
	struct cx_arcb arcb;
	pthread_t thread;
	int ret = 1;

	client_world("ram", NULL, "11G");
	/* Without any slice. */
	reset_the_adapter(&ret);
	EXPECT_EQ(0, ret);
	client_open_type(&slow, "cxlflash-sv-1G");
	ASSERT_EQ(0, cx_set("3000", "adapters/sv/faults/slow_ms"));
	client_arcb_rw(&arcb, true, 0, 1, data_ea(0));
	client_submit(&slow, 0, &arcb);
	vfio_sleep_ms(500);
	ASSERT_EQ(0, cx_set("0", "adapters/sv/faults/slow_ms"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_the_adapter, &ret));
	ASSERT_TRUE(VFIO_WAIT(is_failed(&slow), 2000));

	client_open_type(&late, "cxlflash-sv-1G");
	EXPECT_TRUE(is_failed(&late));
	EXPECT_EQ(0, client_get(&late, 0, S_EVENTS));
	EXPECT_EQ(4, client_get(&late, 0, S_NR_QUEUES));
	vfio_ioctl(late.u.device, VFIO_DEVICE_RESET, NULL);
	client_command(&late, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	EXPECT_TRUE(is_failed(&late));

	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, ret);
	EXPECT_FALSE(is_failed(&slow));
	EXPECT_FALSE(is_failed(&late));
	EXPECT_EQ(4, client_get(&slow, 0, S_EVENTS));
	EXPECT_EQ(4, client_get(&late, 0, S_EVENTS));
	client_queue_start(&late, 3);
	EXPECT_EQ(0, client_rw(&late, 3, true, 0, 1, data_ea(0)));
	client_queue_start(&slow, 0);
	EXPECT_EQ(0, client_rw(&slow, 0, false, 0, 1, data_ea(0)));
	client_close(&late);
	client_close(&slow);
	client_world_end();
}

TEST_HARNESS_MAIN
