// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a context, its registers and its rings
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/module.h>

/* The AFU exports these. */
#undef EXPORT_SYMBOL_NS_GPL
#define EXPORT_SYMBOL_NS_GPL(sym, ns)

#include "../ctx.c"
#include "../ctx_owner.c"
#include "../ctx_ring.c"
#include "../mmio.c"
/* Behind what is under test. */
#include "ctx_fake.h"

static void ctx_registers_are_as_documented(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, get(SISL_REG_ENDIAN_CTRL), 0);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), 0);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_IOARRIN), 0);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CMD_ROOM), 4);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CTX_CTRL), SISL_CTX_CTRL_UNMAP);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_RRQ_START), TEST_RRQ);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_RRQ_END), TEST_RRQ + 56);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SQ_HEAD), TEST_SQ);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SQ_TAIL), TEST_SQ);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_FEATURES), MMIO_FEATURES);
	put(SISL_REG_FEATURES, 0);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_FEATURES), MMIO_FEATURES);
	put(SISL_REG_CTX_CTRL, ~0ULL);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CTX_CTRL),
			SISL_CTX_CTRL_UNMAP | 0xff);
	put(SISL_REG_COALESCE, 0x1234567800640003ULL);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_COALESCE), 0x640003);
	put(SISL_REG_INTR_MASK, ~0x1fULL);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_MASK), ~0x1fULL);
	put(0x78, 1);
	KUNIT_EXPECT_EQ(test, get(0x78), 0);
	KUNIT_EXPECT_EQ(test, get(0xfff8), 0);
	KUNIT_EXPECT_EQ(test, get(3), 0);
	KUNIT_EXPECT_EQ(test, get(~0U), 0);
}

static void ctx_bad_settings_turn_off(struct kunit *test)
{
	put(SISL_REG_CTX_CTRL, SISL_LISN_SYNC_ERROR);
	put(SISL_REG_RRQ_END, TEST_RRQ + 4);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), SISL_INTR_RRQ_WRITE);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_RRQ_END), 0);
	put(SISL_REG_INTR_CLEAR, ~0ULL);
	put(SISL_REG_SQ_END, TEST_SQ);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), SISL_INTR_ARCB_READ);
	put(SISL_REG_INTR_CLEAR, SISL_INTR_ARCB_READ);
	put(SISL_REG_SQ_TAIL, TEST_SQ + 64);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), SISL_INTR_ARCB_READ);
	put(SISL_REG_INTR_CLEAR, SISL_INTR_ARCB_READ);
	put(SISL_REG_IOARRIN, TEST_EA + 8);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), SISL_INTR_ARCB_READ);
	put(SISL_REG_INTR_CLEAR, ~0ULL);
	/* No ring to answer into. */
	put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), SISL_INTR_RRQ_WRITE);
	KUNIT_EXPECT_EQ(test, t.nr_irqs[SISL_LISN_SYNC_ERROR], 5);
	put(SISL_REG_INTR_CLEAR, ~0ULL);
	put(SISL_REG_RRQ_START, 0);
	put(SISL_REG_RRQ_END, 0);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), 0);
}

static void ctx_masked_interrupts_wait(struct kunit *test)
{
	put(SISL_REG_CTX_CTRL, SISL_LISN_ASYNC);
	put(SISL_REG_INTR_MASK, SISL_INTR_ARCB_READ);
	put(SISL_REG_IOARRIN, TEST_EA + 8);
	KUNIT_EXPECT_EQ(test, t.nr_irqs[SISL_LISN_ASYNC], 0);
	put(SISL_REG_INTR_MASK, 0);
	KUNIT_EXPECT_EQ(test, t.nr_irqs[SISL_LISN_ASYNC], 1);
	put(SISL_REG_INTR_MASK, 0);
	KUNIT_EXPECT_EQ(test, t.nr_irqs[SISL_LISN_ASYNC], 1);
}

static void ctx_ioarrin_counts_every_store(struct kunit *test)
{
	u64 ea = TEST_EA;
	int i;

	for (i = 0; i < 3 * TEST_NR_RRQ; i++) {
		put(SISL_REG_IOARRIN, ea + i * 16);
		KUNIT_EXPECT_EQ(test, rrq(i % TEST_NR_RRQ),
				(ea + i * 16) | !(i / TEST_NR_RRQ & 1));
	}
	KUNIT_EXPECT_EQ(test, t.nr_irqs[SISL_LISN_RRQ], 3 * TEST_NR_RRQ);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CMD_ROOM), 4);
}

static void ctx_room_is_kept(struct kunit *test)
{
	int i;

	t.hold = true;
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, get(SISL_REG_CMD_ROOM), 4 - i);
		put(SISL_REG_IOARRIN, TEST_EA);
	}
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CMD_ROOM), 0);
	/* As if all slots were busy. */
	ctx_lock_busy(t.ctx);
	for (i = 0; i < 4; i++)
		put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), 0);
	put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), SISL_INTR_CMD_ROOM);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CMD_ROOM), 0);
	ctx_unlock_busy(t.ctx);
	ctx_test_release(t.ctx);
	cxlflash_ctx_kick(t.ctx);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_done), 8);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CMD_ROOM), 4);
}

static void ctx_big_endian_owner_is_understood(struct kunit *test)
{
	put(SISL_REG_ENDIAN_CTRL, SISL_ENDIAN_BE);
	put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, rrq(0), (__force u64)cpu_to_be64(TEST_EA | 1));
	put(SISL_REG_ENDIAN_CTRL, 17);
	put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, rrq(1), (__force u64)cpu_to_be64(TEST_EA | 1));
	put(SISL_REG_ENDIAN_CTRL, SISL_ENDIAN_LE);
	put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, rrq(2), (__force u64)cpu_to_le64(TEST_EA | 1));
}

static void ctx_queue_is_followed(struct kunit *test)
{
	put(SISL_REG_SQ_TAIL, TEST_SQ + 3 * 64);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_done), 3);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SQ_HEAD), TEST_SQ + 3 * 64);
	put(SISL_REG_SQ_TAIL, TEST_SQ + 64);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_done), 5);
	put(SISL_REG_SQ_TAIL, TEST_SQ + 64 * TEST_NR_SQ);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), SISL_INTR_ARCB_READ);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_done), 5);
}

static struct sisl_shadow *shadow(void)
{
	return (struct sisl_shadow *)(t.mem + TEST_SHADOW - TEST_EA);
}

static void ctx_shadow_tail_is_followed(struct kunit *test)
{
	int i;

	put(SISL_REG_SHADOW, TEST_SHADOW);
	for (i = 1; i < 3 * TEST_NR_SQ; i++) {
		/* Whoever does not poll wants to be rung for the next. */
		KUNIT_EXPECT_EQ(test, shadow()->event, i - 1);
		shadow()->tail = i;
		put(SISL_REG_KICK, 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_done), i);
	}
	/* A tail register has nothing to say now. */
	put(SISL_REG_SQ_TAIL, TEST_SQ);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_done), i - 1);
	ctx_lock_busy(t.ctx);
	ctx_disarm_event(t.ctx);
	KUNIT_EXPECT_EQ(test, shadow()->event, i - 2);
	KUNIT_EXPECT_FALSE(test, ctx_has_work(t.ctx));
	shadow()->tail = i;
	KUNIT_EXPECT_TRUE(test, ctx_has_work(t.ctx));
	ctx_unlock_busy(t.ctx);
	/* What cannot be turns it off, and only that. */
	shadow()->tail = i + TEST_NR_SQ;
	put(SISL_REG_KICK, 0);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_INTR_STATUS), SISL_INTR_ARCB_READ);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SHADOW), 0);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SQ_HEAD), 0);
	put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_done), i);
}

static bool ctx_looks_quiet(struct kunit *test)
{
	bool quiet;

	ctx_lock_busy(t.ctx);
	quiet = ctx_is_quiet(t.ctx);
	KUNIT_EXPECT_FALSE(test, quiet && ctx_has_work(t.ctx));
	ctx_unlock_busy(t.ctx);
	return quiet;
}

static void ctx_quiet_is_without_work(struct kunit *test)
{
	u64 ea;

	/* Without shadow words there is nothing to be sure of. */
	KUNIT_EXPECT_FALSE(test, ctx_looks_quiet(test));
	put(SISL_REG_SHADOW, TEST_SHADOW);
	put(SISL_REG_KICK, 0);
	KUNIT_EXPECT_TRUE(test, ctx_looks_quiet(test));
	shadow()->tail = 1;
	KUNIT_EXPECT_FALSE(test, ctx_looks_quiet(test));
	put(SISL_REG_KICK, 0);
	KUNIT_EXPECT_TRUE(test, ctx_looks_quiet(test));
	ring_fifo_push(&t.ctx->arrin, TEST_EA);
	KUNIT_EXPECT_FALSE(test, ctx_looks_quiet(test));
	ring_fifo_pop(&t.ctx->arrin, &ea);
	KUNIT_EXPECT_TRUE(test, ctx_looks_quiet(test));
	t.ctx->sq.tail++;
	KUNIT_EXPECT_FALSE(test, ctx_looks_quiet(test));
	t.ctx->sq.tail--;
	put(SISL_REG_SQ_CTX_RESET, 1);
	KUNIT_EXPECT_FALSE(test, ctx_looks_quiet(test));
}

static void ctx_shadow_out_of_reach_turns_off(struct kunit *test)
{
	put(SISL_REG_SHADOW, TEST_BAD_EA);
	KUNIT_EXPECT_EQ(test, t.nr_events, 1);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SHADOW), 0);
	ctx_test_rings();
	/* There is no resolve op. */
	put(SISL_REG_SHADOW, TEST_FAR_EA);
	flush_workqueue(cmd_wq);
	KUNIT_EXPECT_EQ(test, t.nr_events, 2);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SHADOW), 0);
}

static void ctx_reset_drops_all(struct kunit *test)
{
	put(SISL_REG_SHADOW, TEST_SHADOW);
	put(SISL_REG_IOARRIN, TEST_EA);
	t.hold = true;
	put(SISL_REG_IOARRIN, TEST_EA + 16);
	shadow()->tail = 1;
	put(SISL_REG_IOARRIN, SISL_RESET);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_IOARRIN), 1);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SQ_CTX_RESET), 1);
	KUNIT_EXPECT_FALSE(test, cxlflash_ctx_reset_wait(t.ctx, 2));
	put(SISL_REG_IOARRIN, TEST_EA + 32);
	put(SISL_REG_KICK, 0);
	KUNIT_EXPECT_EQ(test, t.nr_held, 1);
	ctx_test_release(t.ctx);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_IOARRIN), 0);
	KUNIT_EXPECT_TRUE(test, cxlflash_ctx_reset_wait(t.ctx, 2));
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SHADOW), 0);
	/* The ring goes on; nothing of before comes. */
	put(SISL_REG_IOARRIN, TEST_EA + 48);
	KUNIT_EXPECT_EQ(test, rrq(0), TEST_EA | 1);
	KUNIT_EXPECT_EQ(test, rrq(1), (TEST_EA + 48) | 1);
	KUNIT_EXPECT_EQ(test, rrq(2), 0);
	put(SISL_REG_SQ_CTX_RESET, 1);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SQ_CTX_RESET), 0);
	KUNIT_EXPECT_EQ(test, t.nr_told, 0);
}

static void ctx_failed_reads_as_ones(struct kunit *test)
{
	t.hold = true;
	put(SISL_REG_IOARRIN, TEST_EA);
	cxlflash_ctx_fail(t.ctx);
	cxlflash_ctx_fail(t.ctx);
	KUNIT_EXPECT_EQ(test, t.nr_told, 1);
	KUNIT_EXPECT_EQ(test, t.told, CXLFLASH_CTX_ERROR);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CMD_ROOM), ~0ULL);
	KUNIT_EXPECT_EQ(test, get(0x7777), ~0ULL);
	put(SISL_REG_IOARRIN, SISL_RESET);
	KUNIT_EXPECT_EQ(test, cxlflash_ctx_restart(t.ctx), -EBUSY);
	KUNIT_EXPECT_EQ(test, ctx_nr_orphans(t.ctx), 1);
	ctx_test_release(t.ctx);
	KUNIT_EXPECT_EQ(test, cxlflash_ctx_restart(t.ctx), 0);
	KUNIT_EXPECT_EQ(test, cxlflash_ctx_restart(t.ctx), 0);
	KUNIT_EXPECT_EQ(test, t.told, CXLFLASH_CTX_LIVE);
	KUNIT_EXPECT_EQ(test, t.nr_told, 2);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_RRQ_START), 0);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_SQ_HEAD), 0);
	KUNIT_EXPECT_EQ(test, rrq(0), 0);
	WRITE_ONCE(t.ad.state, AFU_FAILED);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CMD_ROOM), ~0ULL);
	WRITE_ONCE(t.ad.state, AFU_LIVE);
}

static void ctx_in_reset_is_the_adapters(struct kunit *test)
{
	t.ad.state = AFU_RESETTING;
	cxlflash_ctx_fail(t.ctx);
	KUNIT_EXPECT_EQ(test, cxlflash_ctx_restart(t.ctx), -EBUSY);
	KUNIT_EXPECT_EQ(test, ctx_restart(t.ctx, true), 0);
	t.ad.state = AFU_LIVE;
}

static void ctx_death_leaves_orphans(struct kunit *test)
{
	struct cxlflash_ctx *ctx = t.ctx;

	t.hold = true;
	put(SISL_REG_IOARRIN, TEST_EA);
	t.ctx = NULL;
	cxlflash_ctx_destroy(ctx);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_rht), 1);
	KUNIT_EXPECT_FALSE(test, list_empty(&ctx_dead));
	KUNIT_EXPECT_TRUE(test, xa_empty(&t.ad.ctxs));
	ctx_test_release(ctx);
	KUNIT_EXPECT_EQ(test, rrq(0), 0);
	KUNIT_EXPECT_EQ(test, t.nr_irqs[SISL_LISN_RRQ], 0);
}

static void ctx_interrupts_are_coalesced(struct kunit *test)
{
	int i;

	put(SISL_REG_COALESCE, 3 | 20000 << SISL_COALESCE_US_SHIFT);
	for (i = 0; i < 8; i++)
		put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, t.nr_irqs[SISL_LISN_RRQ], 2);
	msleep(200);
	KUNIT_EXPECT_EQ(test, t.nr_irqs[SISL_LISN_RRQ], 3);
	msleep(100);
	KUNIT_EXPECT_EQ(test, t.nr_irqs[SISL_LISN_RRQ], 3);
	/* Armed while it dies. */
	put(SISL_REG_IOARRIN, TEST_EA);
}

static void ctx_ring_out_of_reach_is_told(struct kunit *test)
{
	u64 miss = 0;

	put(SISL_REG_RRQ_START, TEST_FAR_EA - 8);
	put(SISL_REG_RRQ_END, TEST_FAR_EA);
	put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, ctx_post_rrq(t.ctx, TEST_EA, 0, &miss), -EAGAIN);
	KUNIT_EXPECT_EQ(test, miss, TEST_FAR_EA);
	KUNIT_EXPECT_EQ(test, ctx_resolve(t.ctx, miss, 8, true), -EFAULT);
	put(SISL_REG_RRQ_START, TEST_BAD_EA);
	put(SISL_REG_RRQ_END, TEST_BAD_EA);
	KUNIT_EXPECT_EQ(test, ctx_post_rrq(t.ctx, TEST_EA, 0, &miss), -EFAULT);
	KUNIT_EXPECT_EQ(test, t.nr_events, 1);
}

static bool drained(u64 start, u64 len)
{
	return cxlflash_ctx_drain_pages(t.ctx, start, len, 1);
}

static void ctx_pages_are_drained(struct kunit *test)
{
	struct afu_cmd *cmd = t.ctx->slots;
	struct sisl_ioasa ioasa;

	KUNIT_EXPECT_TRUE(test, drained(0, ~0ULL));
	t.hold = true;
	put(SISL_REG_IOARRIN, TEST_EA);
	cmd->arcb_ea = TEST_EA;
	cmd->arcb.data_ea = 0x5000;
	cmd->arcb.data_len = 0x1000;
	cmd->ioasa_ea = 0x8000;
	cmd->state = CMD_STORE;
	cxlflash_ctx_invalidate(t.ctx, 0, ~0ULL);
	KUNIT_EXPECT_EQ(test, t.ctx->rrq_win.len, 0);
	/* It waits for memory: it has none. */
	KUNIT_EXPECT_TRUE(test, drained(0, ~0ULL));
	KUNIT_EXPECT_FALSE(test, cxlflash_ctx_drain(t.ctx, 1));
	cmd->nr_pages_bv = 1;
	KUNIT_EXPECT_TRUE(test, drained(0x4000, 0x1000));
	KUNIT_EXPECT_FALSE(test, drained(0x4000, 0x1001));
	KUNIT_EXPECT_FALSE(test, drained(0x5fff, 1));
	KUNIT_EXPECT_TRUE(test, drained(0x6000, 1));
	cmd->bounced = true;
	KUNIT_EXPECT_TRUE(test, drained(0x5000, 0x1000));
	cmd->ioasa = &ioasa;
	KUNIT_EXPECT_FALSE(test, drained(0x8000, 1));
	KUNIT_EXPECT_TRUE(test, drained(0x8000 + SISL_IOASA_WRITTEN, 1));
	KUNIT_EXPECT_FALSE(test, cxlflash_ctx_drain(t.ctx, 1));
	KUNIT_EXPECT_FALSE(test, ctx_drain(t.ctx, 1));
	cmd->nr_pages_bv = 0;
	cmd->bounced = false;
	cmd->ioasa = NULL;
	cmd->state = CMD_FREE;
	ctx_test_release(t.ctx);
	KUNIT_EXPECT_TRUE(test, cxlflash_ctx_drain(t.ctx, 1));
	KUNIT_EXPECT_TRUE(test, ctx_drain(t.ctx, 1));
	put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_done), 2);
}

static void ctx_ids_and_parameters_are_checked(struct kunit *test)
{
	struct cxlflash_ctx_params p = test_params;
	struct cxlflash_ctx *user, *host;

	t.ad.nr_contexts = 2;
	user = cxlflash_ctx_create(&t.ad, &p);
	KUNIT_ASSERT_FALSE(test, IS_ERR(user));
	KUNIT_EXPECT_EQ(test, cxlflash_ctx_id(user), 1);
	KUNIT_EXPECT_PTR_EQ(test, cxlflash_ctx_create(&t.ad, &p),
			    ERR_PTR(-ENOSPC));
	p.user = false;
	host = cxlflash_ctx_create(&t.ad, &p);
	KUNIT_ASSERT_FALSE(test, IS_ERR(host));
	KUNIT_EXPECT_EQ(test, cxlflash_ctx_id(host), 512);
	p.cmd_room = AFU_CMD_ROOM_MAX + 1;
	KUNIT_EXPECT_PTR_EQ(test, cxlflash_ctx_create(&t.ad, &p),
			    ERR_PTR(-EINVAL));
	p.cmd_room = 0;
	p.service = 3;
	KUNIT_EXPECT_PTR_EQ(test, cxlflash_ctx_create(&t.ad, &p),
			    ERR_PTR(-EINVAL));
	KUNIT_EXPECT_EQ(test, cxlflash_ctx_set_service(host, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, cxlflash_ctx_set_group(host, "a"), 0);
	KUNIT_EXPECT_EQ(test, cxlflash_ctx_set_group(host, "b"), 0);
	t.ad.state = AFU_RESETTING;
	KUNIT_EXPECT_PTR_EQ(test, cxlflash_ctx_create(&t.ad, &test_params),
			    ERR_PTR(-ENODEV));
	cxlflash_ctx_destroy(host);
	p.service = 0;
	p.in_reset = true;
	host = cxlflash_ctx_create(&t.ad, &p);
	KUNIT_ASSERT_FALSE(test, IS_ERR(host));
	KUNIT_EXPECT_EQ(test, host->state, CXLFLASH_CTX_ERROR);
	t.ad.state = AFU_LIVE;
	cxlflash_ctx_destroy(user);
	cxlflash_ctx_destroy(host);
	KUNIT_EXPECT_EQ(test, t.ad.nr_user_ctxs, 1);
}

static int ctx_submitter(void *unused)
{
	while (!kthread_should_stop()) {
		put(SISL_REG_IOARRIN, TEST_EA);
		cond_resched();
	}
	return 0;
}

/* Whatever happens to it meanwhile: the books balance, and it works after. */
static void ctx_survives_a_busy_submitter(struct kunit *test)
{
	struct task_struct *task = kthread_run(ctx_submitter, NULL, "ctx_test");
	unsigned int i;
	int before;

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (i = 0; i < 3000; i++) {
		switch (i % 5) {
		case 0:
			cxlflash_ctx_reset_begin(t.ctx);
			KUNIT_EXPECT_TRUE(test, cxlflash_ctx_reset_wait(t.ctx,
									HZ));
			break;
		case 1:
			KUNIT_EXPECT_TRUE(test, ctx_drain(t.ctx, HZ));
			break;
		case 2:
			cxlflash_ctx_invalidate(t.ctx, TEST_EA, TEST_BYTES);
			break;
		case 3:
			cxlflash_ctx_fail(t.ctx);
			KUNIT_EXPECT_EQ(test, get(SISL_REG_IOARRIN), ~0ULL);
			while (cxlflash_ctx_restart(t.ctx))
				cond_resched();
			ctx_test_rings();
			break;
		default:
			cond_resched();
		}
	}
	kthread_stop(task);
	cxlflash_ctx_kick(t.ctx);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.ctx->nr_inflight), 0);
	KUNIT_EXPECT_EQ(test, get(SISL_REG_CMD_ROOM), 4);
	before = atomic_read(&t.nr_done);
	put(SISL_REG_IOARRIN, TEST_EA);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_done), before + 1);
}

static struct kunit_case ctx_cases[] = {
	KUNIT_CASE(ctx_registers_are_as_documented),
	KUNIT_CASE(ctx_bad_settings_turn_off),
	KUNIT_CASE(ctx_masked_interrupts_wait),
	KUNIT_CASE(ctx_ioarrin_counts_every_store),
	KUNIT_CASE(ctx_room_is_kept),
	KUNIT_CASE(ctx_big_endian_owner_is_understood),
	KUNIT_CASE(ctx_queue_is_followed),
	KUNIT_CASE(ctx_shadow_tail_is_followed),
	KUNIT_CASE(ctx_quiet_is_without_work),
	KUNIT_CASE(ctx_shadow_out_of_reach_turns_off),
	KUNIT_CASE(ctx_reset_drops_all),
	KUNIT_CASE(ctx_failed_reads_as_ones),
	KUNIT_CASE(ctx_in_reset_is_the_adapters),
	KUNIT_CASE(ctx_death_leaves_orphans),
	KUNIT_CASE(ctx_interrupts_are_coalesced),
	KUNIT_CASE(ctx_ring_out_of_reach_is_told),
	KUNIT_CASE(ctx_pages_are_drained),
	KUNIT_CASE(ctx_ids_and_parameters_are_checked),
	KUNIT_CASE_SLOW(ctx_survives_a_busy_submitter),
	{}
};

static int ctx_suite_init(struct kunit_suite *suite)
{
	cmd_wq = alloc_workqueue("ctx_kunit", WQ_UNBOUND, 0);
	if (!cmd_wq)
		return -ENOMEM;
	return ctx_init();
}

static void ctx_suite_exit(struct kunit_suite *suite)
{
	if (ctx_wq)
		ctx_exit();
	if (cmd_wq)
		destroy_workqueue(cmd_wq);
}

static struct kunit_suite ctx_suite = {
	.name = "cxlflash_ctx",
	.suite_init = ctx_suite_init,
	.suite_exit = ctx_suite_exit,
	.init = ctx_test_init,
	.exit = ctx_test_exit,
	.test_cases = ctx_cases,
};

kunit_test_suite(ctx_suite);

MODULE_DESCRIPTION("KUnit tests of contexts");
MODULE_LICENSE("GPL");
