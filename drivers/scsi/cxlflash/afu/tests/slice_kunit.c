// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slices against a naive model, on a simulated disk that loses power
 *
 * What is open, its handles and its map are the real ones, over the real table;
 * store, LUN and the wait for commands are ours.
 */
#define pr_fmt(fmt) "cxlflash_afu: " fmt

#include <kunit/test.h>
#include <linux/export.h>
#include <linux/module.h>

/* The AFU exports these. */
#undef EXPORT_SYMBOL_NS_GPL
#define EXPORT_SYMBOL_NS_GPL(sym, ns)

/* What is said of damage would fill the log. */
#undef pr_info
#define pr_info no_printk
#undef pr_warn
#define pr_warn no_printk

#include "../chunk.c"
#include "../table_fmt.c"
#include "../table_io.c"
#include "../table.c"
#include "../table_slice.c"
#include "../slice_map.c"
#include "../slice.c"
#include "../rht.c"
#include "table_sim.h"
#include "table_model.h"

#define TEST_CTXS	2
#define BLOCK_BYTES	4096ULL

/* A slice of the model that is open, and its handle in each context. */
struct test_open {
	struct cxlflash_slice *slice;
	int handle[TEST_CTXS];
};

static struct slice_test {
	struct cxlflash_ctx *ctx[TEST_CTXS];
	struct test_open open[MODEL_SLICES];
	unsigned int nr_lun_refs;
	unsigned int nr_space;
	unsigned int nr_drains;
	unsigned int nr_changed;
	unsigned int changed;
	bool elsewhere;
	bool stuck;
	void (*draining)(void);
} st;

/* ------------------------------------------------------ what others do */

struct cxlflash_lun *lun_get(struct cxlflash_lun *lun)
{
	st.nr_lun_refs++;
	return lun;
}

void cxlflash_lun_put(struct cxlflash_lun *lun)
{
	st.nr_lun_refs--;
}

int lun_use_get(struct cxlflash_lun *lun, enum lun_use use)
{
	return -EBUSY;
}

void lun_use_put(struct cxlflash_lun *lun)
{
}

bool lun_others_have_slice(struct cxlflash_lun *lun, const uuid_t *uuid)
{
	return st.elsewhere;
}

void adapter_lun_space_changed(struct cxlflash_lun *lun)
{
	st.nr_space++;
}

bool ctx_drain(struct cxlflash_ctx *ctx, long timeout)
{
	st.nr_drains++;
	if (st.draining)
		st.draining();
	return !st.stuck;
}

void ctx_put(struct cxlflash_ctx *ctx)
{
	refcount_dec(&ctx->ref.refcount);
}

static void test_changed(void *priv, unsigned int what)
{
	st.nr_changed++;
	st.changed = what;
}

/* ------------------------------------------------------------ one slice */

static struct cxlflash_slice *test_open(u32 id, u64 nr_blocks)
{
	struct cxlflash_slice_params params = {
		.bytes = nr_blocks * BLOCK_BYTES,
		.name = "name",
		.changed = test_changed,
	};

	case_uuid(&params.uuid, id);
	return cxlflash_slice_open(&tc.lun, &params);
}

static int test_errno(u32 id, u64 nr_blocks)
{
	return PTR_ERR_OR_ZERO(test_open(id, nr_blocks));
}

static u8 test_translate(struct cxlflash_ctx *ctx, int handle, u64 lba, u32 nr,
			 u64 *pos, u32 *contiguous, bool *unwritten)
{
	guard(rcu)();
	return rht_translate(ctx, handle, lba, nr, pos, contiguous, unwritten);
}

/* As the engine does it; the flush of the data is asked for. */
static int test_write(struct test_open *o, u32 id, u32 at)
{
	u32 i = at % TEST_CTXS, contiguous;
	bool unwritten;
	u64 pos;

	if (test_translate(st.ctx[i], o->handle[i], (u64)at * CASE_BLOCKS, 1,
			   &pos, &contiguous, &unwritten) || unwritten)
		return -EUCLEAN;
	sim_write_chunk(pos >> 28, id);
	return store_flush_sync(&sim.st);
}

/* ---------------------------------------------------- handles and model */

/* A run, block by block, as the table and the size say. */
static const char *test_walk(struct test_open *o, const struct model_slice *m,
			     const u32 *chunk)
{
	u64 lba = sim_rand(&tc.seed) % (m->nr_blocks + 3), pos = 0;
	u32 nr = 1 + sim_rand(&tc.seed) % (3 * CASE_BLOCKS), want, at;
	u32 i = sim_rand(&tc.seed) % TEST_CTXS, got = 0;
	bool unwritten;
	u8 rc;

	rc = test_translate(st.ctx[i], o->handle[i], lba, nr, &pos, &got,
			    &unwritten);
	if (lba >= m->nr_blocks)
		return rc == SISL_AFU_RC_LXT_OUT_OF_BOUNDS ? "" :
		       "blocks beyond the end";
	at = lba / CASE_BLOCKS;
	if (rc || unwritten != !m->written[at] ||
	    pos != (u64)(chunk[at] & ~TABLE_UNWRITTEN) * SISL_CHUNK_BYTES +
		   lba % CASE_BLOCKS * BLOCK_BYTES)
		return "a block is elsewhere";
	want = CASE_BLOCKS - lba % CASE_BLOCKS;
	for (; at + 1 < m->nr_chunks && chunk[at + 1] == chunk[at] + 1; at++)
		want += CASE_BLOCKS;
	want = min3((u64)want, (u64)nr, m->nr_blocks - lba);
	return got == want ? "" : "a run is shorter or longer";
}

static const char *test_open_agrees(struct test_open *o,
				    const struct model_slice *m)
{
	struct cxlflash_slice_info info;
	u32 chunk[MODEL_CHUNKS], at, unwritten = 0;
	struct rht_xlate x;
	uuid_t uuid;

	case_uuid(&uuid, m->id);
	if (table_slice_map(&tc.lun, &uuid, 0, m->nr_chunks, chunk))
		return "no map";
	for (at = 0; at < m->nr_chunks; at++)
		unwritten += !m->written[at];
	cxlflash_slice_get_info(o->slice, &info);
	if (!uuid_equal(&info.uuid, &uuid) || strcmp(info.name, "name") ||
	    info.nr_blocks != m->nr_blocks || info.block_size != BLOCK_BYTES ||
	    info.nr_chunks != m->nr_chunks || info.nr_unwritten != unwritten)
		return "info";
	rcu_read_lock();
	at = rht_lookup(st.ctx[0], o->handle[0], &x);
	rcu_read_unlock();
	if (at || x.slice != o->slice || x.nr_blocks != m->nr_blocks)
		return "handle";
	return test_walk(o, m, chunk);
}

static const char *test_all_agree(void)
{
	const char *wrong = case_agrees(&tc.lun, &tc.new);
	u32 i;

	for (i = 0; i < MODEL_SLICES && !*wrong; i++)
		if (st.open[i].slice)
			wrong = test_open_agrees(&st.open[i], &tc.new.slice[i]);
	return wrong;
}

/* --------------------------------------------------------- random steps */

static int test_step_open(struct model_slice *m, struct test_open *o)
{
	bool is_new = !m->id;
	u32 i;

	if (is_new) {
		m->nr_blocks = 1 + sim_rand(&tc.seed) %
				   (MODEL_CHUNKS * CASE_BLOCKS);
		m->nr_chunks = DIV_ROUND_UP(m->nr_blocks, CASE_BLOCKS);
		m->id = tc.next_id++;
	}
	o->slice = test_open(m->id, is_new ? m->nr_blocks : 0);
	if (IS_ERR(o->slice)) {
		int ret = PTR_ERR(o->slice);

		o->slice = NULL;
		if (is_new)
			m->id = 0;
		return ret;
	}
	for (i = 0; i < TEST_CTXS; i++) {
		o->handle[i] = cxlflash_handle_open_slice(st.ctx[i], o->slice,
							  3);
		if (o->handle[i] < 0)
			return -EUCLEAN;
	}
	if (is_new && *case_learn(m, 0))
		return -EUCLEAN;
	return 0;
}

static int test_step_close(struct test_open *o)
{
	u32 i;

	for (i = 0; i < TEST_CTXS; i++)
		if (cxlflash_handle_close(st.ctx[i], o->handle[i]))
			return -EUCLEAN;
	cxlflash_slice_close(o->slice);
	o->slice = NULL;
	return 0;
}

static int test_step_resize(struct model_slice *m, struct test_open *o)
{
	struct model_slice old = *m;
	int ret;

	m->nr_blocks = 1 + sim_rand(&tc.seed) % (MODEL_CHUNKS * CASE_BLOCKS);
	m->nr_chunks = DIV_ROUND_UP(m->nr_blocks, CASE_BLOCKS);
	ret = cxlflash_slice_resize(o->slice, m->nr_blocks * BLOCK_BYTES);
	if (ret)
		*m = old;
	else if (*case_learn(m, min(old.nr_chunks, m->nr_chunks)))
		ret = -EUCLEAN;
	return ret;
}

/* Two steps, as what is between them can be seen after a power cut. */
static int test_step_write(struct model_slice *m, struct test_open *o)
{
	u32 at = sim_rand(&tc.seed) % m->nr_chunks;
	int ret;

	if (m->written[at]) {
		ret = test_write(o, m->id, at);
		m->acked[at] |= !ret;
	} else {
		ret = slice_make_written(o->slice, at);
		m->written[at] = !ret;
	}
	return ret;
}

static int test_step_delete(struct model_slice *m)
{
	uuid_t uuid;
	int ret;

	case_uuid(&uuid, m->id);
	ret = slice_delete(&tc.lun, &uuid);
	if (!ret)
		memset(m, 0, sizeof(*m));
	return ret;
}

static int test_step(void)
{
	u32 i = sim_rand(&tc.seed) % MODEL_SLICES, what;
	struct model_slice *m = &tc.new.slice[i];
	struct test_open *o = &st.open[i];

	what = sim_rand(&tc.seed) % 6;
	if (!o->slice && m->id && what < 2)
		return test_step_delete(m);
	if (!o->slice)
		return test_step_open(m, o);
	if (!what)
		return test_step_close(o);
	return what < 3 ? test_step_resize(m, o) : test_step_write(m, o);
}

static void slice_agrees_with_a_model(struct kunit *test)
{
	const char *wrong = "";
	u32 step;
	int ret;

	for (step = 0; step < 400 && !*wrong; step++) {
		ret = test_step();
		if (ret && ret != -ENOSPC)
			wrong = "step";
		if (!*wrong)
			wrong = test_all_agree();
		sim_settle();
	}
	KUNIT_EXPECT_STREQ_MSG(test, wrong, "", "step %u", step);
}

static void slice_is_old_or_new_after_a_power_cut(struct kunit *test)
{
	const char *wrong = "";
	u32 step;
	int ret;

	for (step = 0; step < 20 && !*wrong; step++) {
		tc.old = tc.new;
		ret = test_step();
		if (ret && ret != -ENOSPC)
			wrong = "step";
		if (!*wrong)
			wrong = test_all_agree();
		if (!*wrong)
			wrong = case_cut_everywhere();
		sim_settle();
	}
	KUNIT_EXPECT_STREQ_MSG(test, wrong, "", "step %u", step);
}

/* After an error a slice is what it was. */
static void slice_survives_errors(struct kunit *test)
{
	const char *wrong = "";
	u32 step;
	int ret;

	for (step = 0; step < 200 && !*wrong; step++) {
		sim.nr_io = 0;
		sim.fail_at = 1 + sim_rand(&tc.seed) % 12;
		sim.fail_nr = 1;
		ret = test_step();
		sim.fail_at = 0;
		if (ret && ret != -ENOSPC && ret != -EIO)
			wrong = "step";
		if (!*wrong)
			wrong = test_all_agree();
		sim_settle();
	}
	KUNIT_EXPECT_STREQ_MSG(test, wrong, "", "step %u", step);
}

/* ----------------------------------------------------------- properties */

static void slice_is_opened_once(struct kunit *test)
{
	struct cxlflash_slice *slice = test_open(1, 10), *other;
	struct cxlflash_slice_info info;
	uuid_t uuid;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, slice);
	case_uuid(&uuid, 1);
	KUNIT_EXPECT_TRUE(test, slice_is_open(&tc.lun, &uuid));
	KUNIT_EXPECT_FALSE(test, slice_is_open(&tc.after_cut, &uuid));
	cxlflash_slice_get_info(slice, &info);
	KUNIT_EXPECT_TRUE(test, info.created);
	KUNIT_EXPECT_EQ(test, test_errno(1, 10), -EBUSY);
	KUNIT_EXPECT_EQ(test, slice_delete(&tc.lun, &uuid), -EBUSY);
	KUNIT_EXPECT_EQ(test, slice_quiesce(&tc.lun), -EBUSY);
	cxlflash_slice_close(slice);
	KUNIT_EXPECT_FALSE(test, slice_is_open(&tc.lun, &uuid));
	/* Its own size counts, not what it would be made with. */
	other = test_open(1, 99);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	cxlflash_slice_get_info(other, &info);
	KUNIT_EXPECT_FALSE(test, info.created);
	KUNIT_EXPECT_EQ(test, info.nr_blocks, 10);
	cxlflash_slice_close(other);
	KUNIT_EXPECT_EQ(test, slice_delete(&tc.lun, &uuid), 0);
	KUNIT_EXPECT_EQ(test, slice_delete(&tc.lun, &uuid), -ENOENT);
	KUNIT_EXPECT_EQ(test, test_errno(1, 0), -ENOENT);
}

static void slice_open_says_what_is_wrong(struct kunit *test)
{
	struct cxlflash_slice_params params = { .bytes = BLOCK_BYTES };
	unsigned int space = st.nr_space;
	struct cxlflash_slice *slice;

	KUNIT_EXPECT_PTR_EQ(test, cxlflash_slice_open(&tc.lun, &params),
			    ERR_PTR(-EINVAL));
	case_uuid(&params.uuid, 1);
	params.bytes = BLOCK_BYTES + 512;
	KUNIT_EXPECT_PTR_EQ(test, cxlflash_slice_open(&tc.lun, &params),
			    ERR_PTR(-EINVAL));
	params.bytes = BLOCK_BYTES;
	params.name = "a b";
	KUNIT_EXPECT_PTR_EQ(test, cxlflash_slice_open(&tc.lun, &params),
			    ERR_PTR(-EINVAL));
	KUNIT_EXPECT_EQ(test, test_errno(1, SIM_CHUNKS * CASE_BLOCKS), -ENOSPC);
	st.elsewhere = true;
	KUNIT_EXPECT_EQ(test, test_errno(1, 10), -EEXIST);
	st.elsewhere = false;
	/* Nothing of all this has left anything. */
	KUNIT_EXPECT_EQ(test, tc.lun.table->nr_slices, 0);
	KUNIT_EXPECT_EQ(test, st.nr_space, space);
	/* No name is one. */
	params.name = NULL;
	slice = cxlflash_slice_open(&tc.lun, &params);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, slice);
	KUNIT_EXPECT_EQ(test, st.nr_space, space + 1);
	cxlflash_slice_close(slice);
	KUNIT_EXPECT_EQ(test, slice_quiesce(&tc.lun), 0);
	KUNIT_EXPECT_EQ(test, test_errno(1, 10), -ENODEV);
	slice_allow(&tc.lun);
	table_deactivate(&tc.lun);
	KUNIT_EXPECT_EQ(test, test_errno(1, 10), -ENODEV);
}

static void slice_resize_says_what_is_wrong(struct kunit *test)
{
	struct cxlflash_slice *slice = test_open(1, 2 * CASE_BLOCKS);
	int handle;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, slice);
	handle = cxlflash_handle_open_slice(st.ctx[0], slice, 1);
	KUNIT_EXPECT_EQ(test, handle, 0);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_resize(slice, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_resize(slice, 513), -EINVAL);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_resize(slice, 1ULL << 62),
			-ENOSPC);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_resize(slice, SIM_CHUNKS *
						    SISL_CHUNK_BYTES), -ENOSPC);
	KUNIT_EXPECT_EQ(test, st.nr_changed, 0);
	st.stuck = true;
	KUNIT_EXPECT_EQ(test, cxlflash_slice_resize(slice, BLOCK_BYTES),
			-EBUSY);
	KUNIT_EXPECT_EQ(test, st.nr_changed, 0);
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, slice_nr_blocks(slice), 2 * CASE_BLOCKS);
	rcu_read_unlock();
	st.stuck = false;
	KUNIT_EXPECT_EQ(test, cxlflash_slice_resize(slice, 2 * CASE_BLOCKS *
						    BLOCK_BYTES), 0);
	KUNIT_EXPECT_EQ(test, st.nr_changed, 0);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_resize(slice, BLOCK_BYTES), 0);
	KUNIT_EXPECT_EQ(test, st.nr_changed, 1);
	KUNIT_EXPECT_EQ(test, st.changed, CXLFLASH_SLICE_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_read(&slice->ua_generation), 1);
	KUNIT_EXPECT_EQ(test, slice->ua_code, 0x2a09);
	slice_kill(&tc.lun);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_resize(slice, 2 * BLOCK_BYTES),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_set_read_only(slice, true),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, slice_make_written(slice, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(st.ctx[0], handle), 0);
	cxlflash_slice_close(slice);
}

/* While commands are waited for, the map has shrunk and the table has not. */
static struct cxlflash_slice *test_shrinking;
static bool test_order;

static void test_draining(void)
{
	struct table_slice_info info;

	test_order = !table_slice_find(&tc.lun, &test_shrinking->uuid, &info) &&
		     info.nr_chunks == 3;
	rcu_read_lock();
	test_order &= slice_nr_blocks(test_shrinking) == CASE_BLOCKS;
	rcu_read_unlock();
	/* What is in flight still becomes written, or learns that it is late */
	test_order &= !slice_make_written(test_shrinking, 0) &&
		      slice_make_written(test_shrinking, 2) == -ERANGE;
}

static void slice_shrinks_in_order(struct kunit *test)
{
	struct cxlflash_slice *slice = test_open(1, 3 * CASE_BLOCKS);
	struct table_slice_info info;
	struct cxlflash_slice_info now;
	int ret;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, slice);
	KUNIT_ASSERT_EQ(test, cxlflash_handle_open_slice(st.ctx[0], slice, 1),
			0);
	KUNIT_ASSERT_EQ(test, cxlflash_handle_open_slice(st.ctx[1], slice, 1),
			0);
	test_shrinking = slice;
	st.draining = test_draining;
	st.stuck = true;
	st.nr_drains = 0;
	ret = cxlflash_slice_resize(slice, SISL_CHUNK_BYTES);
	KUNIT_EXPECT_EQ(test, ret, -EBUSY);
	KUNIT_EXPECT_TRUE(test, test_order);
	/* What became written meanwhile has stayed so. */
	cxlflash_slice_get_info(slice, &now);
	KUNIT_EXPECT_EQ(test, now.nr_chunks, 3);
	KUNIT_EXPECT_EQ(test, table_slice_find(&tc.lun, &slice->uuid, &info),
			0);
	KUNIT_EXPECT_EQ(test, now.nr_unwritten, info.nr_unwritten);
	st.stuck = false;
	st.nr_drains = 0;
	ret = cxlflash_slice_resize(slice, SISL_CHUNK_BYTES);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, st.nr_drains, 2);
	KUNIT_EXPECT_EQ(test, table_slice_find(&tc.lun, &slice->uuid, &info),
			0);
	KUNIT_EXPECT_EQ(test, info.nr_chunks, 1);
	st.draining = NULL;
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(st.ctx[0], 0), 0);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(st.ctx[1], 0), 0);
	cxlflash_slice_close(slice);
}

static struct cxlflash_slice *test_leaving;
static DECLARE_COMPLETION(test_drained);

/* Its opener leaves while a resize of it is stuck. */
static void test_draining_stuck(void)
{
	cxlflash_slice_let_go(test_leaving);
	wait_for_completion(&test_drained);
}

static void test_drain(struct work_struct *work)
{
	complete(&test_drained);
}

static DECLARE_DELAYED_WORK(test_drain_soon, test_drain);

static void slice_is_let_go_while_it_shrinks(struct kunit *test)
{
	struct cxlflash_slice *slice = test_open(1, 3 * CASE_BLOCKS);
	struct table_slice_info info;
	uuid_t uuid;
	int ret;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, slice);
	KUNIT_ASSERT_EQ(test, cxlflash_handle_open_slice(st.ctx[0], slice, 1),
			0);
	uuid_copy(&uuid, &slice->uuid);
	test_leaving = slice;
	reinit_completion(&test_drained);
	st.draining = test_draining_stuck;
	ret = cxlflash_slice_resize(slice, SISL_CHUNK_BYTES);
	KUNIT_EXPECT_EQ(test, ret, -ENODEV);
	KUNIT_EXPECT_EQ(test, st.nr_drains, 1);
	st.draining = NULL;
	/* Not even its turn is waited for. */
	ret = cxlflash_slice_resize(slice, 2 * SISL_CHUNK_BYTES);
	KUNIT_EXPECT_EQ(test, ret, -ENODEV);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_set_read_only(slice, true), 0);
	st.nr_changed = 0;
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(st.ctx[0], 0), 0);
	cxlflash_slice_close(slice);
	KUNIT_EXPECT_EQ(test, test_errno(1, 10), -EBUSY);
	KUNIT_EXPECT_EQ(test, slice_quiesce(&tc.lun), -EBUSY);
	/* Who opens it waits for that. */
	slices_wait_ms = 60000;
	schedule_delayed_work(&test_drain_soon, HZ / 10);
	slice = test_open(1, 10);
	flush_delayed_work(&test_drain_soon);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, slice);
	/* It came to its end, which nobody was told of. */
	KUNIT_EXPECT_EQ(test, st.nr_changed, 0);
	KUNIT_EXPECT_EQ(test, table_slice_find(&tc.lun, &uuid, &info), 0);
	KUNIT_EXPECT_EQ(test, info.nr_chunks, 1);
	cxlflash_slice_close(slice);
}

/* Closed while a command is out: nobody gets it before that is back. */
static void slice_is_open_while_commands_are_out(struct kunit *test)
{
	struct cxlflash_slice *slice = test_open(1, 10);
	struct rht_xlate x;
	uuid_t uuid;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, slice);
	case_uuid(&uuid, 1);
	KUNIT_ASSERT_EQ(test, cxlflash_handle_open_slice(st.ctx[0], slice, 3),
			0);
	st.stuck = true;
	cxlflash_slice_close(slice);
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, rht_lookup(st.ctx[0], 0, &x),
			SISL_AFU_RC_RHT_PERM);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(st.ctx[0], 0), 0);
	KUNIT_EXPECT_EQ(test, test_errno(1, 10), -EBUSY);
	KUNIT_EXPECT_EQ(test, slice_delete(&tc.lun, &uuid), -EBUSY);
	KUNIT_EXPECT_EQ(test, slice_quiesce(&tc.lun), -EBUSY);
	st.stuck = false;
	/* The next one to close a handle empties limbo. */
	rht_destroy(st.ctx[0]);
	KUNIT_EXPECT_EQ(test, rht_init(st.ctx[0]), 0);
	KUNIT_EXPECT_EQ(test, slice_delete(&tc.lun, &uuid), 0);
}

static void slice_modes_are_told(struct kunit *test)
{
	struct cxlflash_slice *slice = test_open(1, 10);
	struct cxlflash_slice_info info;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, slice);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_set_read_only(slice, false), 0);
	KUNIT_EXPECT_EQ(test, st.nr_changed, 0);
	KUNIT_EXPECT_EQ(test, cxlflash_slice_set_read_only(slice, true), 0);
	KUNIT_EXPECT_EQ(test, st.nr_changed, 1);
	KUNIT_EXPECT_EQ(test, st.changed, CXLFLASH_SLICE_READ_ONLY);
	KUNIT_EXPECT_EQ(test, slice->ua_code, 0x2a01);
	KUNIT_EXPECT_TRUE(test, slice_is_read_only(slice));
	cxlflash_slice_get_info(slice, &info);
	KUNIT_EXPECT_TRUE(test, info.read_only);
	cxlflash_slice_close(slice);
}

static void slice_wwid_is_the_uuids(struct kunit *test)
{
	u8 one[AFU_WWID_LEN], two[AFU_WWID_LEN];
	uuid_t uuid;

	case_uuid(&uuid, 1);
	slice_make_wwid(&uuid, one);
	slice_make_wwid(&uuid, two);
	KUNIT_EXPECT_MEMEQ(test, one, two, AFU_WWID_LEN);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(one) >> 4, 0x6f1a500);
	case_uuid(&uuid, 2);
	slice_make_wwid(&uuid, two);
	KUNIT_EXPECT_MEMNEQ(test, one, two, AFU_WWID_LEN);
}

static void slice_dies_with_its_adapter(struct kunit *test)
{
	struct cxlflash_slice *here = test_open(1, 1), *there = test_open(2, 1);
	struct cxlflash_adapter *ad = (void *)test, *other = (void *)&st;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, here);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, there);
	st.ctx[0]->ad = ad;
	st.ctx[1]->ad = other;
	KUNIT_ASSERT_EQ(test, cxlflash_handle_open_slice(st.ctx[0], here, 3),
			0);
	KUNIT_ASSERT_EQ(test, cxlflash_handle_open_slice(st.ctx[1], there, 3),
			0);
	slice_kill_adapter(&tc.lun, other);
	KUNIT_EXPECT_FALSE(test, slice_is_dead(here));
	KUNIT_EXPECT_TRUE(test, slice_is_dead(there));
	KUNIT_EXPECT_EQ(test, cxlflash_handle_open_slice(st.ctx[0], there, 3),
			-ENODEV);
	slice_kill(&tc.after_cut);
	KUNIT_EXPECT_FALSE(test, slice_is_dead(here));
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(st.ctx[0], 0), 0);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(st.ctx[1], 0), 0);
	cxlflash_slice_close(here);
	cxlflash_slice_close(there);
}

/* ------------------------------------------------------------------ suite */

static int slice_begin(struct kunit *test, u32 seed)
{
	u32 i;

	memset(&st, 0, sizeof(st));
	slices_wait_ms = 10;
	if (slice_init())
		return -ENOMEM;
	tc.no_flags = true;
	if (*case_begin(seed))
		return -ENOMEM;
	tc.lun.nr_blocks = SIM_CHUNKS * CASE_BLOCKS;
	for (i = 0; i < TEST_CTXS; i++) {
		st.ctx[i] = kunit_kzalloc(test, sizeof(*st.ctx[i]), GFP_KERNEL);
		if (!st.ctx[i])
			return -ENOMEM;
		mutex_init(&st.ctx[i]->rht_lock);
		kref_init(&st.ctx[i]->ref);
		if (rht_init(st.ctx[i]))
			return -ENOMEM;
	}
	return 0;
}

/* Zeroing is not cheap: chunks are unwritten. */
static int slice_test_init(struct kunit *test)
{
	table_init();
	return slice_begin(test, 2);
}

/* It is, and they are zero at once. */
static int slice_fast_test_init(struct kunit *test)
{
	table_init();
	return slice_begin(test, 1);
}

/* Whatever a test did: nothing is left. */
static void slice_test_exit(struct kunit *test)
{
	u32 i;

	for (i = 0; i < TEST_CTXS; i++)
		if (st.ctx[i])
			rht_destroy(st.ctx[i]);
	for (i = 0; i < MODEL_SLICES; i++)
		if (st.open[i].slice)
			cxlflash_slice_close(st.open[i].slice);
	KUNIT_EXPECT_TRUE(test, list_empty(&slices));
	KUNIT_EXPECT_EQ(test, st.nr_lun_refs, 0);
	for (i = 0; i < TEST_CTXS; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&st.ctx[i]->ref), 1);
	KUNIT_EXPECT_STREQ(test, case_end(""), "");
	slice_exit();
	/* Maps and slices are freed by RCU: their code is ours. */
	rcu_barrier();
}

static struct kunit_case slice_cases[] = {
	KUNIT_CASE_SLOW(slice_agrees_with_a_model),
	KUNIT_CASE_SLOW(slice_is_old_or_new_after_a_power_cut),
	KUNIT_CASE_SLOW(slice_survives_errors),
	KUNIT_CASE(slice_is_opened_once),
	KUNIT_CASE(slice_open_says_what_is_wrong),
	KUNIT_CASE(slice_resize_says_what_is_wrong),
	KUNIT_CASE(slice_shrinks_in_order),
	KUNIT_CASE(slice_is_let_go_while_it_shrinks),
	KUNIT_CASE(slice_is_open_while_commands_are_out),
	KUNIT_CASE(slice_modes_are_told),
	KUNIT_CASE(slice_wwid_is_the_uuids),
	KUNIT_CASE(slice_dies_with_its_adapter),
	{}
};

static struct kunit_suite slice_suite = {
	.name = "cxlflash_slice",
	.init = slice_test_init,
	.exit = slice_test_exit,
	.test_cases = slice_cases,
};

static struct kunit_suite slice_fast_suite = {
	.name = "cxlflash_slice_fast",
	.init = slice_fast_test_init,
	.exit = slice_test_exit,
	.test_cases = slice_cases,
};

kunit_test_suites(&slice_suite, &slice_fast_suite);

MODULE_DESCRIPTION("KUnit tests of slices");
MODULE_LICENSE("GPL");
