// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of a slice: BAR 0, the contexts and the function; BAR 2, MSI-X
 *
 * A register is 64 bits, big endian.  An access of 8 aligned bytes is one
 * access to it.  Of 4 bytes: a load takes its half of what the register is at
 * that moment; a store of the half at the lower address, the upper one, is
 * remembered per context, and takes effect with the store of the other half,
 * together with what was stored to the upper half of the same register just
 * before, or else zeroes.  Other accesses are none: all-ones, and stores
 * vanish.  So it is with areas that have no context.
 *
 * In the table of BAR 2 all that matters to us is the mask bit (dev_irq.c).
 */
#include <linux/unaligned.h>

#include "dev.h"

#define SLICE_REG_OURS		0x8000
#define SLICE_NO_HALF		U32_MAX

/* ----------------------------------------------------------------- BAR 0 */

/**
 * slice_regs_bytes() - how large BAR 0 is
 * @sl: the slice, with @nr_queues set
 *
 * Context: Any.
 * Return: bytes, a power of two.
 */
u32 slice_regs_bytes(struct slice_mdev *sl)
{
	return roundup_pow_of_two(sl->nr_queues) * SISL_HOST_SIZE;
}

/*
 * A reset has left the context in error because store I/O was not back.  If it
 * is now, it can go on.
 */
static void slice_unstick(struct slice_queue *q)
{
	if (unlikely(READ_ONCE(q->stuck)) && !cxlflash_ctx_restart(q->ctx))
		WRITE_ONCE(q->stuck, false);
}

/* Is the adapter restarting the contexts? */
static bool slice_is_held(struct slice_mdev *sl)
{
	/* Paired with slice_dev_adapter_reset()'s: the event comes first. */
	return smp_load_acquire(&sl->held);
}

static u64 slice_events(struct slice_mdev *sl, u64 clear)
{
	unsigned long flags;
	u64 events;

	spin_lock_irqsave(&sl->event_lock, flags);
	sl->events &= ~clear;
	events = sl->events;
	spin_unlock_irqrestore(&sl->event_lock, flags);
	return events;
}

static u64 slice_info_read(struct slice_mdev *sl, u32 reg)
{
	struct cxlflash_slice_info info;

	cxlflash_slice_get_info(sl->slice, &info);
	switch (reg) {
	case SLICE_REG_NR_BLOCKS:
		return info.nr_blocks;
	case SLICE_REG_BLOCK_SIZE:
		return info.block_size;
	default:
		return info.read_only ? SLICE_FLAG_READ_ONLY : 0;
	}
}

static u64 slice_function_read(struct slice_queue *q, u32 reg)
{
	struct slice_mdev *sl = q->sl;

	switch (reg) {
	case SLICE_REG_MAGIC:
		return SLICE_MAGIC;
	case SLICE_REG_VERSION:
		return SLICE_VERSION;
	case SLICE_REG_NR_QUEUES:
		return sl->nr_queues;
	case SLICE_REG_QUEUE_DEPTH:
		return SLICE_QUEUE_DEPTH;
	case SLICE_REG_CTX_ID:
		return cxlflash_ctx_id(q->ctx);
	case SLICE_REG_NR_BLOCKS:
	case SLICE_REG_BLOCK_SIZE:
	case SLICE_REG_FLAGS:
		return slice_info_read(sl, reg);
	case SLICE_REG_EVENTS:
		return slice_events(sl, 0);
	case SLICE_REG_UUID_HIGH:
		return get_unaligned_be64(sl->uuid.b);
	case SLICE_REG_UUID_LOW:
		return get_unaligned_be64(sl->uuid.b + 8);
	default:
		return 0;
	}
}

static u64 slice_reg_read(struct slice_mdev *sl, u32 pos)
{
	unsigned int index = pos / SISL_HOST_SIZE;
	u32 reg = pos % SISL_HOST_SIZE;
	struct slice_queue *q;

	if (index >= sl->nr_queues)
		return SISL_ALL_ONES;
	q = &sl->queues[index];
	if (reg >= SLICE_REG_OURS)
		return slice_function_read(q, reg);
	if (unlikely(slice_is_held(sl)))
		return SISL_ALL_ONES;
	slice_unstick(q);
	return cxlflash_mmio_read(q->ctx, reg);
}

static void slice_reg_write(struct slice_mdev *sl, u32 pos, u64 val)
{
	unsigned int index = pos / SISL_HOST_SIZE;
	u32 reg = pos % SISL_HOST_SIZE;
	struct slice_queue *q;

	if (index >= sl->nr_queues)
		return;
	q = &sl->queues[index];
	if (reg == SLICE_REG_EVENTS) {
		slice_events(sl, val);
	} else if (reg < SLICE_REG_OURS && likely(!slice_is_held(sl))) {
		slice_unstick(q);
		cxlflash_mmio_write(q->ctx, reg, val);
	}
}

static void slice_half_write(struct slice_mdev *sl, u32 pos, u32 val)
{
	unsigned int index = pos / SISL_HOST_SIZE;
	u32 reg = pos & ~7U;
	struct slice_queue *q;
	u64 upper = 0;

	if (index >= sl->nr_queues)
		return;
	q = &sl->queues[index];
	mutex_lock(&sl->cfg_lock);
	if (!(pos & 4)) {
		q->half_reg = reg;
		q->half = val;
	} else {
		if (q->half_reg == reg)
			upper = q->half;
		q->half_reg = SLICE_NO_HALF;
	}
	mutex_unlock(&sl->cfg_lock);
	if (pos & 4)
		slice_reg_write(sl, reg, upper << 32 | val);
}

/* Bytes of the next access: 8, 4, or 1 for what is none. */
static size_t slice_access(u32 pos, size_t count)
{
	if (!(pos & 7) && count >= 8)
		return 8;
	return !(pos & 3) && count >= 4 ? 4 : 1;
}

/**
 * slice_regs_read() - load from BAR 0
 * @sl: the slice
 * @pos: first byte
 * @buf: where to
 * @count: bytes, within the BAR
 *
 * Context: Inside the gate; may sleep.
 */
void slice_regs_read(struct slice_mdev *sl, u32 pos, u8 *buf, size_t count)
{
	size_t now;
	u64 val;

	for (; count; count -= now, pos += now, buf += now) {
		now = slice_access(pos, count);
		if (now == 1) {
			*buf = 0xff;
			continue;
		}
		val = slice_reg_read(sl, pos & ~7U);
		if (now == 8)
			put_unaligned_be64(val, buf);
		else
			put_unaligned_be32(pos & 4 ? val : val >> 32, buf);
	}
}

/**
 * slice_regs_write() - store to BAR 0
 * @sl: the slice
 * @pos: first byte
 * @buf: what
 * @count: bytes, within the BAR
 *
 * Context: Inside the gate; may sleep, also in a store's I/O.
 */
void slice_regs_write(struct slice_mdev *sl, u32 pos, const u8 *buf,
		      size_t count)
{
	size_t now;

	for (; count; count -= now, pos += now, buf += now) {
		now = slice_access(pos, count);
		if (now == 8)
			slice_reg_write(sl, pos, get_unaligned_be64(buf));
		else if (now == 4)
			slice_half_write(sl, pos, get_unaligned_be32(buf));
	}
}

/**
 * slice_regs_reset() - registers that are ours become as after power-on
 * @sl: the slice
 *
 * Events stay: they tell of what has happened, whoever was reset since.
 *
 * Context: Takes &slice_mdev.cfg_lock.
 */
void slice_regs_reset(struct slice_mdev *sl)
{
	unsigned int i;

	mutex_lock(&sl->cfg_lock);
	for (i = 0; i < SLICE_MAX_QUEUES; i++)
		sl->queues[i].half_reg = SLICE_NO_HALF;
	mutex_unlock(&sl->cfg_lock);
}

/* ----------------------------------------------------------------- BAR 2 */

static u64 __slice_pending(struct slice_mdev *sl)
{
	unsigned int i;
	u64 bits = 0;

	lockdep_assert_held(&sl->event_lock);
	for (i = 0; i < SLICE_MAX_VECTORS; i++)
		bits |= (u64)sl->vectors[i].pending << i;
	return bits;
}

/**
 * slice_msix_read() - load from the MSI-X table or the pending bits
 * @sl: the slice
 * @pos: first byte
 * @buf: where to
 * @count: bytes, within the BAR
 *
 * Context: Takes &slice_mdev.event_lock.
 */
void slice_msix_read(struct slice_mdev *sl, u32 pos, u8 *buf, size_t count)
{
	unsigned long flags;

	spin_lock_irqsave(&sl->event_lock, flags);
	put_unaligned_le64(__slice_pending(sl),
			   (u8 *)sl->msix + SLICE_MSIX_PBA);
	memcpy(buf, (u8 *)sl->msix + pos, count);
	spin_unlock_irqrestore(&sl->event_lock, flags);
}

/* A word of the table; the rest of the BAR cannot be written. */
static void slice_msix_write_word(struct slice_mdev *sl, u32 pos, u32 val)
{
	unsigned int vector = pos / PCI_MSIX_ENTRY_SIZE;
	bool ctrl = pos % PCI_MSIX_ENTRY_SIZE == PCI_MSIX_ENTRY_VECTOR_CTRL;
	unsigned long flags;

	if (vector >= SLICE_NR_VECTORS(sl->nr_queues))
		return;
	if (ctrl)
		val &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	else if (pos % PCI_MSIX_ENTRY_SIZE == PCI_MSIX_ENTRY_LOWER_ADDR)
		val &= ~3U;
	spin_lock_irqsave(&sl->event_lock, flags);
	sl->msix[pos / 4] = cpu_to_le32(val);
	spin_unlock_irqrestore(&sl->event_lock, flags);
	if (ctrl)
		slice_irq_mask(sl, vector, val);
}

/**
 * slice_msix_write() - store to the MSI-X table
 * @sl: the slice
 * @pos: first byte
 * @buf: what; whole aligned words are stored, the rest is ignored
 * @count: bytes, within the BAR
 *
 * Context: Takes &slice_mdev.event_lock.
 */
void slice_msix_write(struct slice_mdev *sl, u32 pos, const u8 *buf,
		      size_t count)
{
	if (pos & 3)
		return;
	for (; count >= 4; count -= 4, pos += 4, buf += 4)
		slice_msix_write_word(sl, pos, get_unaligned_le32(buf));
}
