// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_SET_IRQS
 *
 * First the rules that every device has, on the test driver with structured
 * callbacks, where the core applies them, and on the 6.12-style one, which
 * calls vfio_set_irqs_validate_and_prepare() itself.  Then INTx, MSI and the
 * request interrupt of mram.
 */
#include "vfio_harness.h"
#include "vtest_ops.h"

#include <linux/pci_regs.h>
#include <sys/mman.h>

#include "mram_regs.h"

#define NONE	VFIO_IRQ_SET_DATA_NONE
#define BOOL	VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD	VFIO_IRQ_SET_DATA_EVENTFD
#define MASK	VFIO_IRQ_SET_ACTION_MASK
#define UNMASK	VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER	VFIO_IRQ_SET_ACTION_TRIGGER

#define HDR	sizeof(struct vfio_irq_set)

FIXTURE(rules) {
	struct vfio_user u;
	int fd;
};

FIXTURE_VARIANT(rules) {
	const char *type;
};

FIXTURE_VARIANT_ADD(rules, own) {
	.type = "vtest-own",
};

FIXTURE_VARIANT_ADD(rules, foreign) {
	.type = "vtest-foreign",
};

FIXTURE_SETUP(rules)
{
	vfio_user_open(&self->u, "vtest0", variant->type);
	self->fd = self->u.device;
}

FIXTURE_TEARDOWN(rules)
{
	vfio_user_close(&self->u);
}

static int set_irqs_raw(int fd, const struct vfio_irq_set *hdr)
{
	char buf[256] = {};

	memcpy(buf, hdr, HDR);
	return __vfio_ioctl(fd, VFIO_DEVICE_SET_IRQS, buf);
}

TEST_F(rules, header)
{
	static const struct vfio_irq_set bad[] = {
		/* argsz */
		{ .argsz = 0, .flags = NONE | TRIGGER, .count = 1 },
		{ .argsz = HDR - 1, .flags = NONE | TRIGGER, .count = 1 },
		/* flags */
		{ .argsz = HDR, .flags = 1 << 6 | NONE | TRIGGER, .count = 1 },
		{ .argsz = HDR, .flags = 1U << 31 | NONE | TRIGGER,
		  .count = 1 },
		{ .argsz = HDR, .flags = TRIGGER, .count = 1 },
		{ .argsz = HDR, .flags = NONE, .count = 1 },
		{ .argsz = HDR + 16, .flags = NONE | BOOL | TRIGGER,
		  .count = 1 },
		{ .argsz = HDR + 16, .flags = BOOL | EVENTFD | TRIGGER,
		  .count = 1 },
		/* index */
		{ .argsz = HDR, .flags = NONE | TRIGGER,
		  .index = VTEST_NR_IRQS, .count = 1 },
		{ .argsz = HDR, .flags = NONE | TRIGGER, .index = ~0U,
		  .count = 1 },
		/* range; indices 1 to 3 have no interrupt */
		{ .argsz = HDR, .flags = NONE | TRIGGER,
		  .count = VTEST_NR_VECTORS + 1 },
		{ .argsz = HDR, .flags = NONE | TRIGGER,
		  .start = VTEST_NR_VECTORS, .count = 1 },
		{ .argsz = HDR, .flags = NONE | TRIGGER, .start = 1,
		  .count = VTEST_NR_VECTORS },
		{ .argsz = HDR, .flags = NONE | TRIGGER, .start = ~0U,
		  .count = 1 },
		{ .argsz = HDR, .flags = NONE | TRIGGER, .start = 1,
		  .count = ~0U },
		{ .argsz = HDR, .flags = NONE | TRIGGER, .start = ~0U,
		  .count = ~0U },
		{ .argsz = HDR, .flags = NONE | TRIGGER, .index = 1,
		  .count = 1 },
		/* data shorter than the count says */
		{ .argsz = HDR, .flags = BOOL | TRIGGER, .count = 1 },
		{ .argsz = HDR + 3, .flags = EVENTFD | TRIGGER, .count = 1 },
		{ .argsz = HDR + 15, .flags = EVENTFD | TRIGGER, .count = 4 },
	};
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(bad); i++) {
		EXPECT_ERR(EINVAL, set_irqs_raw(self->fd, &bad[i]))
			TH_LOG("case %zu", i);
	}
}

TEST_F(rules, one_action_at_a_time)
{
	static const uint32_t bad[] = {
		MASK | UNMASK, MASK | TRIGGER, UNMASK | TRIGGER,
		MASK | UNMASK | TRIGGER,
	};
	size_t i;

	/* 6.12 leaves it to the driver to find out, and which errno it gives */
	if (strcmp(variant->type, "vtest-own"))
		SKIP(return, "a 6.12-style driver decides for itself");
	for (i = 0; i < VFIO_ARRAY_SIZE(bad); i++) {
		EXPECT_LT(__vfio_set_irqs(self->fd, NONE | bad[i], 0, 0, 1,
					  NULL, 0), 0)
			TH_LOG("actions %#x", bad[i]);
	}
}

TEST_F(rules, memory)
{
	struct vfio_irq_set *set = vfio_guard_alloc(HDR);

	*set = (struct vfio_irq_set) {
		.argsz = HDR + 4, .flags = EVENTFD | TRIGGER, .count = 1,
	};
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_DEVICE_SET_IRQS, set));
	/* argsz alone promises more; the count does not */
	set->flags = NONE | TRIGGER;
	EXPECT_OK(__vfio_ioctl(self->fd, VFIO_DEVICE_SET_IRQS, set));
	vfio_guard_free(set, HDR);
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_DEVICE_SET_IRQS, NULL));
}

TEST_F(rules, eventfds)
{
	int bad = vfio_eventfd(), fd = vfio_eventfd();

	close(bad);
	EXPECT_ERR(EBADF, __vfio_set_trigger(self->fd, 0, 0, bad));
	EXPECT_ERR(EINVAL, __vfio_set_trigger(self->fd, 0, 0,
					      self->u.container));
	EXPECT_OK(__vfio_set_trigger(self->fd, 0, 0, fd));
	/* removing one that is there, and one that is not */
	EXPECT_OK(__vfio_set_trigger(self->fd, 0, 0, -1));
	EXPECT_OK(__vfio_set_trigger(self->fd, 0, 1, -1));
	EXPECT_EQ(0, vfio_eventfd_wait(fd, 0));
	close(fd);
}

TEST_F(rules, loopback)
{
	static const uint8_t fire[VTEST_NR_VECTORS] = { 1, 0, 0, 1 };
	int fds[VTEST_NR_VECTORS], i;

	for (i = 0; i < VTEST_NR_VECTORS; i++)
		fds[i] = vfio_eventfd();
	ASSERT_OK(__vfio_set_irqs(self->fd, EVENTFD | TRIGGER, 0, 0,
				  VTEST_NR_VECTORS, fds, sizeof(fds)));
	ASSERT_OK(__vfio_set_irqs(self->fd, BOOL | TRIGGER, 0, 0,
				  VTEST_NR_VECTORS, fire, sizeof(fire)));
	for (i = 0; i < VTEST_NR_VECTORS; i++)
		EXPECT_EQ(fire[i], vfio_eventfd_wait(fds[i], 0));
	ASSERT_OK(__vfio_set_irqs(self->fd, NONE | TRIGGER, 0, 1, 2, NULL, 0));
	for (i = 0; i < VTEST_NR_VECTORS; i++)
		EXPECT_EQ(i == 1 || i == 2, vfio_eventfd_wait(fds[i], 0));

	ASSERT_OK(__vfio_disable_irqs(self->fd, 0));
	ASSERT_OK(__vfio_set_irqs(self->fd, NONE | TRIGGER, 0, 0, 4, NULL, 0));
	for (i = 0; i < VTEST_NR_VECTORS; i++) {
		EXPECT_EQ(0, vfio_eventfd_wait(fds[i], 0));
		close(fds[i]);
	}
}

TEST_F(rules, device_signals)
{
	int fd = vfio_eventfd();

	EXPECT_ERR(ENOENT, __vfio_ioctl_nr(self->fd, VTEST_SIGNAL, 2));
	ASSERT_OK(__vfio_set_trigger(self->fd, 0, 2, fd));
	EXPECT_OK(__vfio_ioctl_nr(self->fd, VTEST_SIGNAL, 2));
	EXPECT_EQ(1, vfio_eventfd_wait(fd, 0));
	/* the eventfd outlives its descriptor */
	close(fd);
	EXPECT_OK(__vfio_ioctl_nr(self->fd, VTEST_SIGNAL, 2));
	ASSERT_OK(__vfio_disable_irqs(self->fd, 0));
	EXPECT_ERR(ENOENT, __vfio_ioctl_nr(self->fd, VTEST_SIGNAL, 2));
}

/* The PCI function. */
FIXTURE(mram) {
	struct vfio_user u;
	int fd;
	int efd;
	uint64_t bell;
};

static void reg_write(int fd, uint64_t pos, uint32_t value)
{
	VFIO_CHECK(pwrite(fd, &value, 4, pos) == 4);
}

static uint32_t reg_read(int fd, uint64_t pos)
{
	uint32_t value;

	VFIO_CHECK(pread(fd, &value, 4, pos) == 4);
	return value;
}

FIXTURE_SETUP(mram)
{
	struct vfio_region_info info;
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	vfio_user_open(&self->u, "mram", "mram-1");
	self->fd = self->u.device;
	self->efd = vfio_eventfd();
	vfio_region_info(self->fd, VFIO_PCI_CONFIG_REGION_INDEX, &info);
	VFIO_CHECK(pwrite(self->fd, &command, 2, info.offset + PCI_COMMAND) ==
		   2);
	vfio_region_info(self->fd, VFIO_PCI_BAR0_REGION_INDEX, &info);
	self->bell = info.offset;
	reg_write(self->fd, self->bell + MRAM_REG_IRQ_ENABLE, MRAM_IRQ_DONE);
}

FIXTURE_TEARDOWN(mram)
{
	close(self->efd);
	vfio_user_close(&self->u);
}

/* A command that fails at once, and interrupts all the same. */
static void mram_ring(int fd, uint64_t bell)
{
	reg_write(fd, bell + MRAM_REG_LEN, 0);
	reg_write(fd, bell + MRAM_REG_CMD, MRAM_CMD_TO_RAM);
	VFIO_CHECK(reg_read(fd, bell + MRAM_REG_STATUS) == MRAM_STATUS_ERROR);
}

static void mram_ack(int fd, uint64_t bell)
{
	reg_write(fd, bell + MRAM_REG_IRQ_STATUS, MRAM_IRQ_DONE);
}

TEST_F(mram, msi_is_an_edge)
{
	ASSERT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_MSI_IRQ_INDEX, 0,
				     self->efd));
	EXPECT_EQ(0, vfio_eventfd_wait(self->efd, 0));
	mram_ring(self->fd, self->bell);
	EXPECT_EQ(1, vfio_eventfd_wait(self->efd, 1000));
	mram_ring(self->fd, self->bell);
	mram_ring(self->fd, self->bell);
	EXPECT_EQ(2, vfio_eventfd_wait(self->efd, 1000));
	ASSERT_OK(__vfio_disable_irqs(self->fd, VFIO_PCI_MSI_IRQ_INDEX));
	mram_ring(self->fd, self->bell);
	EXPECT_EQ(0, vfio_eventfd_wait(self->efd, 20));
}

TEST_F(mram, msi_cannot_be_masked)
{
	ASSERT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_MSI_IRQ_INDEX, 0,
				     self->efd));
	EXPECT_ERR(ENOTTY, __vfio_set_irqs(self->fd, NONE | MASK,
					   VFIO_PCI_MSI_IRQ_INDEX, 0, 1, NULL,
					   0));
	EXPECT_ERR(ENOTTY, __vfio_set_irqs(self->fd, NONE | UNMASK,
					   VFIO_PCI_MSI_IRQ_INDEX, 0, 1, NULL,
					   0));
}

TEST_F(mram, intx_is_a_level)
{
	ASSERT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_INTX_IRQ_INDEX, 0,
				     self->efd));
	mram_ring(self->fd, self->bell);
	EXPECT_EQ(1, vfio_eventfd_wait(self->efd, 1000));
	/* signalled once, then masked until user space says otherwise */
	mram_ring(self->fd, self->bell);
	EXPECT_EQ(0, vfio_eventfd_wait(self->efd, 20));
	/* still high: again */
	ASSERT_OK(__vfio_set_irqs(self->fd, NONE | UNMASK, 0, 0, 1, NULL, 0));
	EXPECT_EQ(1, vfio_eventfd_wait(self->efd, 1000));
	/* low: not again */
	mram_ack(self->fd, self->bell);
	ASSERT_OK(__vfio_set_irqs(self->fd, NONE | UNMASK, 0, 0, 1, NULL, 0));
	EXPECT_EQ(0, vfio_eventfd_wait(self->efd, 20));
}

TEST_F(mram, intx_is_masked_by_hand)
{
	static const uint8_t no, yes = 1;

	ASSERT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_INTX_IRQ_INDEX, 0,
				     self->efd));
	ASSERT_OK(__vfio_set_irqs(self->fd, BOOL | MASK, 0, 0, 1, &yes, 1));
	mram_ring(self->fd, self->bell);
	EXPECT_EQ(0, vfio_eventfd_wait(self->efd, 20));
	ASSERT_OK(__vfio_set_irqs(self->fd, BOOL | UNMASK, 0, 0, 1, &no, 1));
	EXPECT_EQ(0, vfio_eventfd_wait(self->efd, 20));
	ASSERT_OK(__vfio_set_irqs(self->fd, BOOL | UNMASK, 0, 0, 1, &yes, 1));
	EXPECT_EQ(1, vfio_eventfd_wait(self->efd, 1000));
}

TEST_F(mram, intx_is_unmasked_by_an_eventfd)
{
	int unmask = vfio_eventfd(), second = vfio_eventfd();
	uint64_t one = 1;
	int32_t fd = unmask;

	ASSERT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_INTX_IRQ_INDEX, 0,
				     self->efd));
	ASSERT_OK(__vfio_set_irqs(self->fd, EVENTFD | UNMASK, 0, 0, 1, &fd,
				  sizeof(fd)));
	fd = second;
	EXPECT_ERR(EBUSY, __vfio_set_irqs(self->fd, EVENTFD | UNMASK, 0, 0, 1,
					  &fd, sizeof(fd)));
	mram_ring(self->fd, self->bell);
	EXPECT_EQ(1, vfio_eventfd_wait(self->efd, 1000));
	ASSERT_EQ(8, write(unmask, &one, sizeof(one)));
	EXPECT_EQ(1, vfio_eventfd_wait(self->efd, 2000));

	fd = -1;
	ASSERT_OK(__vfio_set_irqs(self->fd, EVENTFD | UNMASK, 0, 0, 1, &fd,
				  sizeof(fd)));
	ASSERT_EQ(8, write(unmask, &one, sizeof(one)));
	EXPECT_EQ(0, vfio_eventfd_wait(self->efd, 20));
	close(unmask);
	close(second);
}

TEST_F(mram, intx_that_is_high_signals_a_new_eventfd)
{
	mram_ring(self->fd, self->bell);
	ASSERT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_INTX_IRQ_INDEX, 0,
				     self->efd));
	EXPECT_EQ(1, vfio_eventfd_wait(self->efd, 1000));
}

TEST_F(mram, intx_needs_a_trigger_to_be_masked)
{
	EXPECT_ERR(EINVAL, __vfio_set_irqs(self->fd, NONE | MASK, 0, 0, 1,
					   NULL, 0));
	EXPECT_ERR(EINVAL, __vfio_set_irqs(self->fd, NONE | UNMASK, 0, 0, 1,
					   NULL, 0));
	EXPECT_ERR(EINVAL, __vfio_set_irqs(self->fd, NONE | TRIGGER, 0, 0, 1,
					   NULL, 0));
	/* turning off what is off is fine */
	EXPECT_OK(__vfio_disable_irqs(self->fd, VFIO_PCI_INTX_IRQ_INDEX));
	EXPECT_OK(__vfio_disable_irqs(self->fd, VFIO_PCI_MSI_IRQ_INDEX));
	EXPECT_OK(__vfio_disable_irqs(self->fd, VFIO_PCI_REQ_IRQ_INDEX));
}

TEST_F(mram, either_intx_or_msi)
{
	ASSERT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_INTX_IRQ_INDEX, 0,
				     self->efd));
	EXPECT_ERR(EINVAL, __vfio_set_trigger(self->fd, VFIO_PCI_MSI_IRQ_INDEX,
					      0, self->efd));
	ASSERT_OK(__vfio_disable_irqs(self->fd, VFIO_PCI_INTX_IRQ_INDEX));
	EXPECT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_MSI_IRQ_INDEX, 0,
				     self->efd));
	EXPECT_ERR(EINVAL, __vfio_set_trigger(self->fd,
					      VFIO_PCI_MSIX_IRQ_INDEX, 0,
					      self->efd));
	EXPECT_ERR(EINVAL, __vfio_set_trigger(self->fd,
					      VFIO_PCI_ERR_IRQ_INDEX, 0,
					      self->efd));
}

TEST_F(mram, request)
{
	ASSERT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_REQ_IRQ_INDEX, 0,
				     self->efd));
	/* the loopback, then the real one */
	ASSERT_OK(__vfio_set_irqs(self->fd, NONE | TRIGGER,
				  VFIO_PCI_REQ_IRQ_INDEX, 0, 1, NULL, 0));
	EXPECT_EQ(1, vfio_eventfd_wait(self->efd, 0));
	vfio_mdev_set_grace(self->u.uuid, 0);
	vfio_mdev_remove(self->u.uuid);
	EXPECT_GE(vfio_eventfd_wait(self->efd, 1000), 1);
	EXPECT_ERR(ENODEV, __vfio_set_trigger(self->fd,
					      VFIO_PCI_REQ_IRQ_INDEX, 0, -1));
}

TEST_F(mram, close_forgets_the_eventfds)
{
	ASSERT_OK(__vfio_set_trigger(self->fd, VFIO_PCI_MSI_IRQ_INDEX, 0,
				     self->efd));
	close(self->fd);
	self->u.device = vfio_group_get_device(self->u.group, self->u.uuid);
	self->fd = self->u.device;
	EXPECT_ERR(EINVAL, __vfio_set_irqs(self->fd, NONE | TRIGGER,
					   VFIO_PCI_MSI_IRQ_INDEX, 0, 1, NULL,
					   0));
	EXPECT_EQ(0, vfio_eventfd_wait(self->efd, 0));
}

TEST_HARNESS_MAIN
