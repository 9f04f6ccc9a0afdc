// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host area: a context's registers
 *
 * Values are those of the CPU; who traps accesses swaps them to big endian.
 *
 * A context in error or dead, and every one of a failed adapter, reads as
 * all-ones and ignores stores.  What is no register reads as 0 and ignores
 * stores, and so do write-only and read-only ones.
 *
 * Settings that make no sense turn off what they set and leave a bit in
 * intr_status: RRQ_WRITE for the response ring, ARCB_READ for the submission
 * queue, its tail, its shadow words, and for an IOARCB that is not aligned.
 * Start and end of 0 turn a ring off without complaint.
 *
 * IOARRIN takes as many as cmd_room says, and as many again: an entry in the
 * response ring is seen before its slot is free, so that whoever counts his
 * commands himself and never looks at cmd_room may be ahead by all of them.
 * Beyond that the command is dropped, and intr_status has CMD_ROOM.
 */
#include "afu.h"

#define MMIO_FEATURES	(SISL_FEATURE_SHADOW | SISL_FEATURE_IOADL | \
			 SISL_FEATURE_COALESCE)

static bool mmio_is_failed(struct cxlflash_ctx *ctx)
{
	enum afu_adapter_state state = READ_ONCE(ctx->ad->state);

	if (READ_ONCE(ctx->state) >= CXLFLASH_CTX_ERROR ||
	    state == AFU_FAILED || state == AFU_GONE)
		return true;
	return static_branch_unlikely(&afu_faults_key) &&
	       READ_ONCE(ctx->ad->faults.fail);
}

static u64 mmio_cmd_room(struct cxlflash_ctx *ctx)
{
	u64 busy = atomic_read(&ctx->nr_inflight) + READ_ONCE(ctx->arrin.nr);

	return busy < ctx->cmd_room ? ctx->cmd_room - busy : 0;
}

/* The two that have to fit together. */
static u64 mmio_read_sq(struct cxlflash_ctx *ctx, unsigned int reg)
{
	unsigned long flags;
	u64 val = 0;

	spin_lock_irqsave(&ctx->lock, flags);
	if (ctx->sq.nr)
		val = ring_sq_ea(&ctx->sq, reg == SISL_REG_SQ_HEAD ?
				 ctx->sq.head : ctx->sq.tail);
	spin_unlock_irqrestore(&ctx->lock, flags);
	return val;
}

/**
 * cxlflash_mmio_read() - load a register
 * @ctx: context
 * @reg: offset
 *
 * Context: any.
 * Return: what it reads as
 */
u64 cxlflash_mmio_read(struct cxlflash_ctx *ctx, unsigned int reg)
{
	if (unlikely(mmio_is_failed(ctx)))
		return SISL_ALL_ONES;
	switch (reg) {
	case SISL_REG_INTR_STATUS:
		return READ_ONCE(ctx->intr_status);
	case SISL_REG_INTR_MASK:
		return READ_ONCE(ctx->intr_mask);
	case SISL_REG_IOARRIN:
	case SISL_REG_SQ_CTX_RESET:
		/* Paired with what follows a reset: nothing old comes later. */
		return smp_load_acquire(&ctx->resetting);
	case SISL_REG_RRQ_START:
		return READ_ONCE(ctx->rrq_start);
	case SISL_REG_RRQ_END:
		return READ_ONCE(ctx->rrq.last);
	case SISL_REG_CMD_ROOM:
		return mmio_cmd_room(ctx);
	case SISL_REG_CTX_CTRL:
		return READ_ONCE(ctx->ctx_ctrl) | SISL_CTX_CTRL_UNMAP;
	case SISL_REG_SQ_START:
		return READ_ONCE(ctx->sq_start);
	case SISL_REG_SQ_END:
		return READ_ONCE(ctx->sq_end);
	case SISL_REG_SQ_HEAD:
	case SISL_REG_SQ_TAIL:
		return mmio_read_sq(ctx, reg);
	case SISL_REG_SHADOW:
		return READ_ONCE(ctx->shadow_ea);
	case SISL_REG_COALESCE:
		return (u64)READ_ONCE(ctx->coalesce_us) <<
			SISL_COALESCE_US_SHIFT | READ_ONCE(ctx->coalesce_count);
	case SISL_REG_FEATURES:
		return MMIO_FEATURES;
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_mmio_read, CXLFLASH_AFU);

/* Something was submitted: run the engine, or have it run. */
static void mmio_ring(struct cxlflash_ctx *ctx)
{
	if (READ_ONCE(ctx->service) == CXLFLASH_SERVICE_KICK &&
	    !in_interrupt() && !irqs_disabled())
		cxlflash_ctx_kick(ctx);
	else
		engine_wake(ctx);
}

static void mmio_write_endian(struct cxlflash_ctx *ctx, u64 val)
{
	if (val == SISL_ENDIAN_BE)
		set_bit(CTX_BIG_ENDIAN, &ctx->flags);
	else if (val == SISL_ENDIAN_LE)
		clear_bit(CTX_BIG_ENDIAN, &ctx->flags);
}

static void mmio_write_intr(struct cxlflash_ctx *ctx, unsigned int reg, u64 val)
{
	unsigned int lisn = 0;
	unsigned long flags;

	spin_lock_irqsave(&ctx->lock, flags);
	switch (reg) {
	case SISL_REG_INTR_CLEAR:
		ctx->intr_status &= ~val;
		break;
	case SISL_REG_INTR_MASK:
		/* What was held back comes now. */
		if (ctx->intr_status & ctx->intr_mask & ~val)
			lisn = ctx->ctx_ctrl & SISL_CTX_CTRL_LISN_MASK;
		ctx->intr_mask = val;
		break;
	case SISL_REG_CTX_CTRL:
		ctx->ctx_ctrl = val & SISL_CTX_CTRL_LISN_MASK;
		break;
	}
	spin_unlock_irqrestore(&ctx->lock, flags);
	ctx_notify(ctx, lisn);
}

static void mmio_write_ioarrin(struct cxlflash_ctx *ctx, u64 val)
{
	unsigned long flags;
	u64 intr = 0;

	if (val == SISL_RESET) {
		cxlflash_ctx_reset_begin(ctx);
		return;
	}
	spin_lock_irqsave(&ctx->lock, flags);
	if (ctx->state != CXLFLASH_CTX_LIVE) {
		/* A reset is going on. */
		spin_unlock_irqrestore(&ctx->lock, flags);
		return;
	}
	if (!IS_ALIGNED(val, __alignof__(struct sisl_ioarcb)))
		intr = SISL_INTR_ARCB_READ;
	else if (!ring_fifo_push(&ctx->arrin, val))
		intr = SISL_INTR_CMD_ROOM;
	spin_unlock_irqrestore(&ctx->lock, flags);
	if (unlikely(intr))
		ctx_raise_intr(ctx, intr);
	mmio_ring(ctx);
}

static void mmio_write_rrq(struct cxlflash_ctx *ctx, unsigned int reg, u64 val)
{
	unsigned long flags;
	bool ok = true;

	spin_lock_irqsave(&ctx->lock, flags);
	if (reg == SISL_REG_RRQ_START) {
		ctx->rrq_start = val;
	} else {
		spin_lock(&ctx->rrq_lock);
		ok = ring_rrq_init(&ctx->rrq, ctx->rrq_start, val) ||
		     !(ctx->rrq_start | val);
		spin_unlock(&ctx->rrq_lock);
	}
	spin_unlock_irqrestore(&ctx->lock, flags);
	if (!ok)
		ctx_raise_intr(ctx, SISL_INTR_RRQ_WRITE);
}

static void mmio_write_sq(struct cxlflash_ctx *ctx, unsigned int reg, u64 val)
{
	unsigned long flags;
	bool ok = true;

	spin_lock_irqsave(&ctx->lock, flags);
	if (reg == SISL_REG_SQ_START) {
		ctx->sq_start = val;
	} else {
		ctx->sq_end = val;
		if (ring_sq_init(&ctx->sq, ctx->sq_start, val)) {
			set_bit(CTX_SQ, &ctx->flags);
		} else {
			clear_bit(CTX_SQ, &ctx->flags);
			ok = !(ctx->sq_start | val);
		}
	}
	spin_unlock_irqrestore(&ctx->lock, flags);
	if (!ok)
		ctx_raise_intr(ctx, SISL_INTR_ARCB_READ);
}

/* With shadow words the tail is what they say: this one only rings. */
static void mmio_write_sq_tail(struct cxlflash_ctx *ctx, u64 val)
{
	unsigned long flags;
	bool ok = true;

	spin_lock_irqsave(&ctx->lock, flags);
	if (ctx->state == CXLFLASH_CTX_LIVE && !ctx->shadow_ea)
		ok = ring_sq_set_tail(&ctx->sq, val);
	spin_unlock_irqrestore(&ctx->lock, flags);
	if (unlikely(!ok))
		ctx_raise_intr(ctx, SISL_INTR_ARCB_READ);
	mmio_ring(ctx);
}

/* The count is 0 where the tail stands now. */
static void mmio_write_shadow(struct cxlflash_ctx *ctx, u64 val)
{
	bool ok = IS_ALIGNED(val, __alignof__(struct sisl_shadow));
	unsigned long flags;

	spin_lock_irqsave(&ctx->lock, flags);
	if (ctx->state == CXLFLASH_CTX_LIVE) {
		WRITE_ONCE(ctx->sq.fetched, 0ULL - ring_sq_pending(&ctx->sq));
		WRITE_ONCE(ctx->shadow_ea, ok ? val : 0);
	}
	spin_unlock_irqrestore(&ctx->lock, flags);
	if (!ok)
		ctx_raise_intr(ctx, SISL_INTR_ARCB_READ);
	/* Find the words, look at the tail, set the event index. */
	mmio_ring(ctx);
}

static void mmio_write_coalesce(struct cxlflash_ctx *ctx, u64 val)
{
	unsigned long flags;

	spin_lock_irqsave(&ctx->rrq_lock, flags);
	ctx->coalesce_count = val & SISL_COALESCE_COUNT;
	ctx->coalesce_us = (val & SISL_COALESCE_US) >> SISL_COALESCE_US_SHIFT;
	spin_unlock_irqrestore(&ctx->rrq_lock, flags);
}

/**
 * cxlflash_mmio_write() - store to a register
 * @ctx: context
 * @reg: offset
 * @val: value
 *
 * A store that submits may run the engine (%CXLFLASH_SERVICE_KICK), and so call
 * the owner's ops, unless interrupts are off.
 *
 * Context: any; with the kick service it may sleep if the store does and
 * neither interrupts nor bottom halves are off.
 */
void cxlflash_mmio_write(struct cxlflash_ctx *ctx, unsigned int reg, u64 val)
{
	if (unlikely(mmio_is_failed(ctx)))
		return;
	switch (reg) {
	case SISL_REG_ENDIAN_CTRL:
		return mmio_write_endian(ctx, val);
	case SISL_REG_INTR_CLEAR:
	case SISL_REG_INTR_MASK:
	case SISL_REG_CTX_CTRL:
		return mmio_write_intr(ctx, reg, val);
	case SISL_REG_IOARRIN:
		return mmio_write_ioarrin(ctx, val);
	case SISL_REG_SQ_CTX_RESET:
		if (val & SISL_RESET)
			cxlflash_ctx_reset_begin(ctx);
		return;
	case SISL_REG_RRQ_START:
	case SISL_REG_RRQ_END:
		return mmio_write_rrq(ctx, reg, val);
	case SISL_REG_SQ_START:
	case SISL_REG_SQ_END:
		return mmio_write_sq(ctx, reg, val);
	case SISL_REG_SQ_TAIL:
		return mmio_write_sq_tail(ctx, val);
	case SISL_REG_SHADOW:
		return mmio_write_shadow(ctx, val);
	case SISL_REG_COALESCE:
		return mmio_write_coalesce(ctx, val);
	case SISL_REG_KICK:
		return mmio_ring(ctx);
	}
}
EXPORT_SYMBOL_NS_GPL(cxlflash_mmio_write, CXLFLASH_AFU);
