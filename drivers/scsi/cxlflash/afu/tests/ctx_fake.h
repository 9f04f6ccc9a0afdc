/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is around a context under test
 *
 * The engine here completes what it fetches, or holds it as a slow store does;
 * memory is an array at TEST_EA.  Behind the sources under test, included once.
 */
#ifndef CXLFLASH_CTX_FAKE_H
#define CXLFLASH_CTX_FAKE_H

#define TEST_EA		0x10000ULL
#define TEST_BYTES	4096
#define TEST_RRQ	(TEST_EA + 0x100)
#define TEST_NR_RRQ	8
#define TEST_SQ		(TEST_EA + 0x400)
#define TEST_NR_SQ	4
#define TEST_SHADOW	(TEST_EA + 0x800)
/* Beyond memory: a worker can bring it to hand, nobody can. */
#define TEST_FAR_EA	(TEST_EA + TEST_BYTES)
#define TEST_BAD_EA	(TEST_EA + 4 * TEST_BYTES)

static struct {
	struct cxlflash_adapter ad;
	u8 mem[TEST_BYTES] __aligned(16);
	bool hold;
	unsigned int nr_held;
	u64 held[AFU_CMD_ROOM_MAX];
	u32 held_epoch[AFU_CMD_ROOM_MAX];
	unsigned int nr_irqs[SISL_NR_LISN];
	unsigned int nr_events;
	unsigned int nr_wakes;
	unsigned int nr_told;
	enum cxlflash_ctx_state told;
	atomic_t nr_done;
	atomic_t nr_rht;
	atomic_t nr_ad;
	struct cxlflash_ctx *ctx;
} t;

DEFINE_STATIC_KEY_FALSE(afu_faults_key);
struct workqueue_struct *cmd_wq;

/* What other files do. */

struct cxlflash_adapter *cxlflash_adapter_get(struct cxlflash_adapter *ad)
{
	atomic_inc(&t.nr_ad);
	return ad;
}

void cxlflash_adapter_put(struct cxlflash_adapter *ad)
{
	atomic_dec(&t.nr_ad);
}

int rht_init(struct cxlflash_ctx *ctx)
{
	ctx->rht = (struct rht *)ctx;
	atomic_inc(&t.nr_rht);
	return 0;
}

void rht_destroy(struct cxlflash_ctx *ctx)
{
	if (ctx->rht)
		atomic_dec(&t.nr_rht);
	ctx->rht = NULL;
}

int limit_check(const struct cxlflash_limits *to)
{
	return to->burst_ms > LIMIT_BURST_MS_MAX ? -EINVAL : 0;
}

void limit_set(struct limit *l, const struct cxlflash_limits *to, u64 now)
{
}

struct limit_group *limit_group_get(const char *name)
{
	return kzalloc(sizeof(struct limit_group), GFP_KERNEL) ?:
		ERR_PTR(-ENOMEM);
}

void limit_group_set(struct limit_group *g, const struct cxlflash_limits *to)
{
}

void limit_group_put(struct limit_group *g)
{
	kfree(g);
}

void debug_ctx_add(struct cxlflash_ctx *ctx)
{
}

void debug_ctx_remove(struct cxlflash_ctx *ctx)
{
}

int cmd_init_slots(struct cxlflash_ctx *ctx)
{
	ctx->slots = kvcalloc(ctx->cmd_room, sizeof(*ctx->slots), GFP_KERNEL);
	return ctx->slots ? 0 : -ENOMEM;
}

void cmd_free_slots(struct cxlflash_ctx *ctx)
{
	kvfree(ctx->slots);
}

void cmd_complete(struct afu_cmd *cmd)
{
	u32 epoch = cmd->epoch;

	cmd->state = CMD_FREE;
	ctx_cmds_done(cmd->ctx, epoch, 1);
	ctx_put(cmd->ctx);
}

void engine_attach(struct cxlflash_ctx *ctx)
{
}

void engine_detach(struct cxlflash_ctx *ctx)
{
}

void cmd_trace_state(const struct cxlflash_ctx *ctx)
{
}

void engine_wake(struct cxlflash_ctx *ctx)
{
	t.nr_wakes++;
}

void ctx_lock_busy(struct cxlflash_ctx *ctx)
{
	while (test_and_set_bit_lock(CTX_BUSY, &ctx->flags))
		cond_resched();
}

void ctx_unlock_busy(struct cxlflash_ctx *ctx)
{
	clear_bit_unlock(CTX_BUSY, &ctx->flags);
}

static void ctx_test_end(struct cxlflash_ctx *ctx, u64 ea, u32 epoch)
{
	u64 miss;

	rcu_read_lock();
	if (epoch == READ_ONCE(ctx->epoch))
		ctx_post_rrq(ctx, ea, SISL_LISN_RRQ, &miss);
	rcu_read_unlock();
	ctx_cmds_done(ctx, epoch, 1);
	atomic_inc(&t.nr_done);
	ctx_put(ctx);
}

unsigned int engine_run(struct cxlflash_ctx *ctx, unsigned int budget)
{
	unsigned int nr = 0, i;
	u64 ea;

	if (test_and_set_bit_lock(CTX_BUSY, &ctx->flags))
		return 0;
	while (nr < budget &&
	       ctx_next_arcbs(ctx, min(budget - nr, FLAT_BATCH))) {
		nr += ctx->flat.nr;
		for (i = 0; i < ctx->flat.nr; i++) {
			ea = ctx->flat.ea[i];
			ctx_get(ctx);
			if (t.hold && t.nr_held < ARRAY_SIZE(t.held)) {
				t.held_epoch[t.nr_held] = ctx->flat.epoch;
				t.held[t.nr_held++] = ea;
			} else {
				ctx_test_end(ctx, ea, ctx->flat.epoch);
			}
		}
	}
	ctx_unlock_busy(ctx);
	return nr;
}

/* The slow store comes back. */
static void ctx_test_release(struct cxlflash_ctx *ctx)
{
	unsigned int i;

	t.hold = false;
	for (i = 0; i < t.nr_held; i++)
		ctx_test_end(ctx, t.held[i], t.held_epoch[i]);
	t.nr_held = 0;
}

/* The owner. */

static int test_window(struct cxlflash_ctx *ctx, u64 ea, bool write,
		       struct cxlflash_window *win)
{
	if (ea - TEST_EA >= TEST_BYTES)
		return ea < TEST_BAD_EA ? -EAGAIN : -EFAULT;
	win->start = TEST_EA;
	win->len = TEST_BYTES;
	win->kva = t.mem;
	win->writable = true;
	return 0;
}

static int test_get_pages(struct cxlflash_ctx *ctx, u64 ea, u32 len,
			  bool write, struct bio_vec *bv, unsigned int nr)
{
	return -EFAULT;
}

static void test_put_pages(struct cxlflash_ctx *ctx, struct bio_vec *bv,
			   unsigned int nr, bool dirty)
{
}

static void test_notify(struct cxlflash_ctx *ctx, unsigned int lisn)
{
	t.nr_irqs[lisn]++;
}

static void test_data_storage(struct cxlflash_ctx *ctx, u64 ea, bool write)
{
	t.nr_events++;
}

static void test_state_changed(struct cxlflash_ctx *ctx,
			       enum cxlflash_ctx_state state)
{
	t.told = state;
	t.nr_told++;
}

static const struct cxlflash_owner_ops test_ops = {
	.owner = THIS_MODULE,
	.window = test_window,
	.get_pages = test_get_pages,
	.put_pages = test_put_pages,
	.notify = test_notify,
	.data_storage = test_data_storage,
	.state_changed = test_state_changed,
};

static const struct cxlflash_ctx_params test_params = {
	.ops = &test_ops,
	.caps = SISL_CAP_READ,
	.cmd_room = 4,
	.service = CXLFLASH_SERVICE_KICK,
	.user = true,
	.name = "test",
};

static void put(unsigned int reg, u64 val)
{
	cxlflash_mmio_write(t.ctx, reg, val);
}

static u64 get(unsigned int reg)
{
	return cxlflash_mmio_read(t.ctx, reg);
}

static u64 rrq(unsigned int i)
{
	return ((u64 *)(t.mem + TEST_RRQ - TEST_EA))[i];
}

static void ctx_test_rings(void)
{
	put(SISL_REG_RRQ_START, TEST_RRQ);
	put(SISL_REG_RRQ_END, TEST_RRQ + (TEST_NR_RRQ - 1) * 8);
	put(SISL_REG_SQ_START, TEST_SQ);
	put(SISL_REG_SQ_END, TEST_SQ + (TEST_NR_SQ - 1) * 64);
}

static int ctx_test_init(struct kunit *test)
{
	memset(&t, 0, sizeof(t));
	mutex_init(&t.ad.lock);
	xa_init(&t.ad.ctxs);
	init_waitqueue_head(&t.ad.ctx_gone);
	t.ad.nr_contexts = SISL_NR_USER_CONTEXTS;
	t.ctx = cxlflash_ctx_create(&t.ad, &test_params);
	if (IS_ERR(t.ctx))
		return PTR_ERR(t.ctx);
	ctx_test_rings();
	return 0;
}

/* Whatever a test did: nothing is left. */
static void ctx_test_exit(struct kunit *test)
{
	if (t.ctx)
		cxlflash_ctx_destroy(t.ctx);
	flush_workqueue(ctx_wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_ad), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t.nr_rht), 0);
	KUNIT_EXPECT_EQ(test, t.ad.nr_user_ctxs, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&ctx_dead));
	KUNIT_EXPECT_TRUE(test, xa_empty(&t.ad.ctxs));
}

#endif /* CXLFLASH_CTX_FAKE_H */
