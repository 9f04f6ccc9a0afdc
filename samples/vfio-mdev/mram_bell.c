// SPDX-License-Identifier: GPL-2.0-only
/*
 * mram: the doorbell and the engine behind it
 *
 * A write to CMD latches a command, and then somebody executes it: the
 * processor that rang, on the spot, or a work item.  Whoever it is sets
 * engine_on, so there is only one, copies piece by piece *without* any lock,
 * because guest memory may fault and wait for user space, and looks between
 * two pieces whether it is to stop.  Reset and migration stop the engine,
 * which leaves a command half done; it goes on, perhaps on another machine,
 * when the engine is started again.
 *
 * Guest memory is reached in two ways.  vfio_dma_rw() copies by address, pins
 * nothing and needs no care.  vfio_pin_pages() gives the page itself, which
 * pays when the same page is used again and again, and has a price: user
 * space may unmap that address at any time, dma_unmap() is then called, and
 * when it returns no such page may be pinned or in use.  Hence:
 *
 * - a pinned page is used under pins_lock only, and dma_unmap() takes it;
 * - vfio_pin_pages() may sleep long, so it is called without pins_lock; if
 *   dma_unmap() passes by meanwhile it finds nothing to unpin yet, so it
 *   leaves a note, and the page is let go at once.
 */
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/overflow.h>
#include <linux/sizes.h>

#include "mram.h"

/* Piece of a copy by address, between two looks at @stop. */
#define MRAM_PIECE_BYTES	SZ_64K

/*
 * Pinned pages
 */

static struct mram_pin *__mram_pin_find(struct mram *mram, dma_addr_t iova,
					int prot)
{
	unsigned int i;

	lockdep_assert_held(&mram->pins_lock);
	for (i = 0; i < MRAM_NR_PINS; i++) {
		struct mram_pin *pin = &mram->pins[i];

		if (pin->page && pin->iova == iova && pin->prot == prot)
			return pin;
	}
	return NULL;
}

static void __mram_pin_drop(struct mram *mram, struct mram_pin *pin)
{
	lockdep_assert_held(&mram->pins_lock);
	if (!pin->page)
		return;
	vfio_unpin_pages(&mram->vdev, pin->iova, 1);
	pin->page = NULL;
	WRITE_ONCE(mram->nr_pins, mram->nr_pins - 1);
}

/* Put @page into the cache in place of the oldest one. */
static struct mram_pin *__mram_pin_keep(struct mram *mram, dma_addr_t iova,
					int prot, struct page *page)
{
	struct mram_pin *pin = &mram->pins[mram->next_pin];

	lockdep_assert_held(&mram->pins_lock);
	mram->next_pin = (mram->next_pin + 1) % MRAM_NR_PINS;
	__mram_pin_drop(mram, pin);
	pin->iova = iova;
	pin->prot = prot;
	pin->page = page;
	WRITE_ONCE(mram->nr_pins, mram->nr_pins + 1);
	return pin;
}

/* Find or pin; drops pins_lock while it pins. */
static struct mram_pin *__mram_pin_get(struct mram *mram, dma_addr_t iova,
				       int prot)
{
	struct mram_pin *pin = __mram_pin_find(mram, iova, prot);
	struct page *page;
	bool lost;
	int ret;

	if (pin)
		return pin;
	mram->pinning = true;
	mram->pinning_lost = false;
	mram->pinning_iova = iova;
	mutex_unlock(&mram->pins_lock);
	ret = vfio_pin_pages(&mram->vdev, iova, 1, prot, &page);
	mutex_lock(&mram->pins_lock);
	mram->pinning = false;
	lost = mram->pinning_lost;
	if (ret != 1)
		return ERR_PTR(ret < 0 ? ret : -EFAULT);
	if (lost) {
		vfio_unpin_pages(&mram->vdev, iova, 1);
		return ERR_PTR(-EFAULT);
	}
	return __mram_pin_keep(mram, iova, prot, page);
}

/**
 * mram_bell_dma_unmap() - user space unmaps guest memory
 * @vdev: the device
 * @iova: first address
 * @length: bytes
 *
 * Context: Takes &mram.pins_lock; may sleep, but not for user space.
 */
void mram_bell_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct mram *mram = to_mram(vdev);
	u64 last = iova + length - 1;
	unsigned int i;

	mutex_lock(&mram->pins_lock);
	for (i = 0; i < MRAM_NR_PINS; i++) {
		struct mram_pin *pin = &mram->pins[i];

		if (pin->iova >= iova && pin->iova <= last)
			__mram_pin_drop(mram, pin);
	}
	if (mram->pinning && mram->pinning_iova >= iova &&
	    mram->pinning_iova <= last)
		mram->pinning_lost = true;
	mutex_unlock(&mram->pins_lock);
}

/*
 * The engine
 */

static bool mram_cmd_writes(const struct mram_cmd *cmd)
{
	return (cmd->op & MRAM_CMD_DIRECTION) == MRAM_CMD_TO_GUEST;
}

static u32 mram_cmd_piece(const struct mram_cmd *cmd)
{
	u32 left = cmd->len - cmd->done;

	if (cmd->op & MRAM_CMD_PIN)
		return min_t(u32, left, PAGE_SIZE -
			     offset_in_page(cmd->addr + cmd->done));
	return min_t(u32, left, MRAM_PIECE_BYTES);
}

static int mram_copy_pinned(struct mram *mram, const struct mram_cmd *cmd,
			    u32 len)
{
	int prot = mram_cmd_writes(cmd) ? IOMMU_WRITE : IOMMU_READ;
	void *ram = mram->ram + cmd->offset + cmd->done;
	dma_addr_t iova = cmd->addr + cmd->done;
	size_t offset = offset_in_page(iova);
	struct mram_pin *pin;

	mutex_lock(&mram->pins_lock);
	pin = __mram_pin_get(mram, iova - offset, prot);
	if (!IS_ERR(pin)) {
		if (mram_cmd_writes(cmd))
			memcpy_to_page(pin->page, offset, ram, len);
		else
			memcpy_from_page(ram, pin->page, offset, len);
	}
	mutex_unlock(&mram->pins_lock);
	return PTR_ERR_OR_ZERO(pin);
}

static int mram_copy(struct mram *mram, const struct mram_cmd *cmd, u32 len)
{
	dma_addr_t iova = cmd->addr + cmd->done;
	int ret;

	if (cmd->op & MRAM_CMD_PIN)
		ret = mram_copy_pinned(mram, cmd, len);
	else
		ret = vfio_dma_rw(&mram->vdev, iova,
				  mram->ram + cmd->offset + cmd->done, len,
				  mram_cmd_writes(cmd));
	/* After the data; and a copy that failed may have written a part. */
	if (mram_cmd_writes(cmd))
		mram_log_write(mram, iova, len);
	return ret;
}

static void __mram_bell_complete(struct mram *mram, u32 error)
{
	struct mram_regs *regs = &mram->regs;

	lockdep_assert_held(&mram->lock);
	regs->status &= ~MRAM_STATUS_BUSY;
	regs->status |= error ? MRAM_STATUS_ERROR : MRAM_STATUS_DONE;
	regs->error = error;
	regs->count++;
	regs->irq_status |= MRAM_IRQ_DONE;
	__mram_irq_update(mram, true);
}

/* Copy one piece; drops the lock meanwhile.  Nobody else touches cmd then. */
static void __mram_engine_step(struct mram *mram)
{
	struct mram_cmd *cmd = &mram->cmd;
	u32 len = mram_cmd_piece(cmd);
	int ret;

	lockdep_assert_held(&mram->lock);
	if (!(__mram_pci_command(mram) & PCI_COMMAND_MASTER)) {
		__mram_bell_complete(mram, MRAM_ERR_MASTER);
		return;
	}
	mutex_unlock(&mram->lock);
	ret = mram_copy(mram, cmd, len);
	cond_resched();
	mutex_lock(&mram->lock);
	if (ret) {
		__mram_bell_complete(mram, MRAM_ERR_DMA);
		return;
	}
	cmd->done += len;
	if (cmd->done == cmd->len)
		__mram_bell_complete(mram, MRAM_ERR_NONE);
}

/* Nobody wants it to stop: neither we, nor who removes the device. */
static bool __mram_engine_may_go_on(struct mram *mram)
{
	lockdep_assert_held(&mram->lock);
	return !mram->stop && !gate_is_shut(vfio_device_gate(&mram->vdev));
}

/* Execute the command, unless it is done, or somebody does so already. */
static void mram_engine_run(struct mram *mram)
{
	mutex_lock(&mram->lock);
	if (mram->engine_on) {
		mutex_unlock(&mram->lock);
		return;
	}
	WRITE_ONCE(mram->engine_on, true);
	while (mram->regs.status & MRAM_STATUS_BUSY &&
	       __mram_engine_may_go_on(mram))
		__mram_engine_step(mram);
	WRITE_ONCE(mram->engine_on, false);
	mutex_unlock(&mram->lock);
	vfio_device_wake(&mram->vdev);
}

static void mram_engine_work(struct work_struct *work)
{
	mram_engine_run(container_of(work, struct mram, work));
}

/**
 * mram_bell_start() - undo one mram_bell_stop()
 * @mram: the device
 *
 * Context: Takes &mram.lock.
 */
void mram_bell_start(struct mram *mram)
{
	mutex_lock(&mram->lock);
	if (!WARN_ON_ONCE(!mram->stop) && !--mram->stop &&
	    mram->regs.status & MRAM_STATUS_BUSY)
		queue_work(system_unbound_wq, &mram->work);
	mutex_unlock(&mram->lock);
}

/**
 * mram_bell_stop() - make the engine stand still
 * @mram: the device
 *
 * Afterwards the device does not touch guest memory, and no register changes
 * by itself, until mram_bell_start().
 *
 * The engine may be in the middle of a fault.  The wait for it is one that a
 * removal of the device ends: inside the gate, never wait otherwise.
 *
 * Context: Takes &mram.lock; may sleep.
 * Return: 0; -ENODEV if the device is being removed; -ERESTARTSYS on a
 *         signal.  Then the engine has not been stopped.
 */
int mram_bell_stop(struct mram *mram)
{
	int ret;

	mutex_lock(&mram->lock);
	mram->stop++;
	mutex_unlock(&mram->lock);
	ret = vfio_device_wait_event(&mram->vdev, !READ_ONCE(mram->engine_on));
	if (ret)
		mram_bell_start(mram);
	return ret;
}

/*
 * The registers
 */

static u32 __mram_cmd_check(struct mram *mram, const struct mram_cmd *cmd)
{
	u32 direction = cmd->op & MRAM_CMD_DIRECTION;
	u64 last;

	lockdep_assert_held(&mram->lock);
	if (cmd->op & ~MRAM_CMD_MASK ||
	    (direction != MRAM_CMD_TO_RAM && direction != MRAM_CMD_TO_GUEST))
		return MRAM_ERR_CMD;
	if (!cmd->len || cmd->len > mram->ram_bytes ||
	    cmd->offset > mram->ram_bytes - cmd->len ||
	    check_add_overflow(cmd->addr, (u64)cmd->len - 1, &last))
		return MRAM_ERR_RANGE;
	return MRAM_ERR_NONE;
}

/* Returns true if the caller is to run the engine, after the lock. */
static bool __mram_bell_ring(struct mram *mram, u32 op)
{
	struct mram_regs *regs = &mram->regs;
	u32 error;

	lockdep_assert_held(&mram->lock);
	if (regs->status & MRAM_STATUS_BUSY) {
		regs->status |= MRAM_STATUS_LOST;
		return false;
	}
	mram->cmd = (struct mram_cmd) {
		.op = op,
		.addr = regs->addr,
		.offset = regs->offset,
		.len = regs->len,
	};
	regs->status = MRAM_STATUS_BUSY;
	regs->error = MRAM_ERR_NONE;
	error = __mram_cmd_check(mram, &mram->cmd);
	if (error) {
		__mram_bell_complete(mram, error);
		return false;
	}
	if (op & MRAM_CMD_ASYNC) {
		queue_work(system_unbound_wq, &mram->work);
		return false;
	}
	return true;
}

static bool __mram_reg_write(struct mram *mram, u32 reg, u32 value)
{
	struct mram_regs *regs = &mram->regs;

	lockdep_assert_held(&mram->lock);
	switch (reg) {
	case MRAM_REG_ADDR_LO:
		regs->addr = (regs->addr & ~(u64)U32_MAX) | value;
		break;
	case MRAM_REG_ADDR_HI:
		regs->addr = (u64)value << 32 | lower_32_bits(regs->addr);
		break;
	case MRAM_REG_OFFSET:
		regs->offset = value;
		break;
	case MRAM_REG_LEN:
		regs->len = value;
		break;
	case MRAM_REG_CMD:
		return __mram_bell_ring(mram, value);
	case MRAM_REG_IRQ_STATUS:
		regs->irq_status &= ~value;
		__mram_irq_update(mram, false);
		break;
	case MRAM_REG_IRQ_ENABLE:
		regs->irq_enable = value & MRAM_IRQ_DONE;
		__mram_irq_update(mram, false);
		break;
	case MRAM_REG_SCRATCH:
		regs->scratch = value;
		break;
	}
	return false;
}

static u32 __mram_reg_read(struct mram *mram, u32 reg)
{
	const struct mram_regs *regs = &mram->regs;

	lockdep_assert_held(&mram->lock);
	switch (reg) {
	case MRAM_REG_ID:
		return MRAM_ID_VALUE;
	case MRAM_REG_VERSION:
		return MRAM_VERSION_VALUE;
	case MRAM_REG_RAM_BYTES:
		return mram->ram_bytes;
	case MRAM_REG_STATUS:
		return regs->status;
	case MRAM_REG_ERROR:
		return regs->error;
	case MRAM_REG_DONE_LEN:
		return mram->cmd.done;
	case MRAM_REG_COUNT:
		return regs->count;
	case MRAM_REG_ADDR_LO:
		return lower_32_bits(regs->addr);
	case MRAM_REG_ADDR_HI:
		return upper_32_bits(regs->addr);
	case MRAM_REG_OFFSET:
		return regs->offset;
	case MRAM_REG_LEN:
		return regs->len;
	case MRAM_REG_IRQ_STATUS:
		return regs->irq_status;
	case MRAM_REG_IRQ_ENABLE:
		return regs->irq_enable;
	case MRAM_REG_SCRATCH:
		return regs->scratch;
	case MRAM_REG_PINNED:
		return READ_ONCE(mram->nr_pins);
	default:
		return 0;
	}
}

/**
 * mram_bell_read() - read registers
 * @mram: the device
 * @pos: first byte in the BAR
 * @buf: where to
 * @count: bytes, within the BAR
 *
 * Context: Takes &mram.lock.
 */
void mram_bell_read(struct mram *mram, u32 pos, void *buf, size_t count)
{
	u8 *bytes = buf;
	size_t i;

	mutex_lock(&mram->lock);
	for (i = 0; i < count; i++) {
		u32 at = pos + i;

		bytes[i] = __mram_reg_read(mram, at & ~3U) >> (at & 3) * 8;
	}
	mutex_unlock(&mram->lock);
}

/**
 * mram_bell_write() - write registers
 * @mram: the device
 * @pos: first byte in the BAR
 * @buf: what
 * @count: bytes, within the BAR
 *
 * Context: Takes &mram.lock; executes commands, so may fault and sleep.
 * Return: 0, or -EINVAL if not aligned to 32 bits.
 */
int mram_bell_write(struct mram *mram, u32 pos, const void *buf, size_t count)
{
	const __le32 *words = buf;
	size_t i;
	bool run;

	if ((pos | count) & 3)
		return -EINVAL;
	for (i = 0; i < count / 4; i++) {
		mutex_lock(&mram->lock);
		run = __mram_reg_write(mram, pos + i * 4,
				       le32_to_cpu(words[i]));
		mutex_unlock(&mram->lock);
		if (run)
			mram_engine_run(mram);
	}
	return 0;
}

/*
 * Life
 */

/**
 * __mram_bell_reset() - forget the command and clear the registers
 * @mram: the device; its engine stands still
 *
 * Pinned pages stay pinned: they are user space's memory still.
 *
 * Context: Holds &mram.lock.
 */
void __mram_bell_reset(struct mram *mram)
{
	lockdep_assert_held(&mram->lock);
	memset(&mram->regs, 0, sizeof(mram->regs));
	memset(&mram->cmd, 0, sizeof(mram->cmd));
	__mram_irq_update(mram, false);
}

/**
 * __mram_bell_load() - take over registers and command of another device
 * @mram: the device; its engine stands still
 * @regs: may contain anything
 * @cmd: may contain anything
 *
 * Context: Holds &mram.lock.
 * Return: 0, or -EINVAL, and nothing has changed, if they make no sense.
 */
int __mram_bell_load(struct mram *mram, const struct mram_regs *regs,
		     const struct mram_cmd *cmd)
{
	lockdep_assert_held(&mram->lock);
	if (regs->status & MRAM_STATUS_BUSY &&
	    (__mram_cmd_check(mram, cmd) || cmd->done >= cmd->len))
		return -EINVAL;
	mram->regs = *regs;
	mram->regs.irq_enable &= MRAM_IRQ_DONE;
	mram->regs.irq_status &= MRAM_IRQ_DONE;
	mram->cmd = *cmd;
	return 0;
}

/**
 * mram_bell_init() - initialise
 * @mram: the device, seen by nobody yet
 *
 * Context: Any.
 */
void mram_bell_init(struct mram *mram)
{
	mutex_init(&mram->lock);
	mutex_init(&mram->pins_lock);
	INIT_WORK(&mram->work, mram_engine_work);
}

/**
 * mram_bell_close() - stop for good and let go of guest memory
 * @mram: the device; no user is inside any more
 *
 * If the device is being removed the core has seen to it that an access to
 * guest memory does not wait for user space any more, so the work ends.
 *
 * Context: Takes &mram.lock and &mram.pins_lock; may sleep.
 */
void mram_bell_close(struct mram *mram)
{
	unsigned int i;

	mutex_lock(&mram->lock);
	mram->stop++;
	mutex_unlock(&mram->lock);
	cancel_work_sync(&mram->work);
	mutex_lock(&mram->pins_lock);
	for (i = 0; i < MRAM_NR_PINS; i++)
		__mram_pin_drop(mram, &mram->pins[i]);
	mutex_unlock(&mram->pins_lock);
}
