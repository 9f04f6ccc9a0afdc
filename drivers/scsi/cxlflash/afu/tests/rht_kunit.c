// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles against a naive model
 *
 * LUNs, their chunks and the wait for commands are ours, so that they can be
 * counted and refused; what is under test is the table and nothing else.
 */
#include <kunit/test.h>
#include <linux/export.h>
#include <linux/module.h>

/* The AFU exports these. */
#undef EXPORT_SYMBOL_NS_GPL
#define EXPORT_SYMBOL_NS_GPL(sym, ns)

#include "../rht.c"

#define FAKE_CHUNKS	64
#define FAKE_HANDLES	24

struct chunk_map {
	bool used[FAKE_CHUNKS];
	bool dirty[FAKE_CHUNKS];
	unsigned int nr_used;
	u32 hint;
};

static struct chunk_map fake_map;
static struct cxlflash_lun fake_lun;
static unsigned int fake_refs, fake_zeroed;
static bool fake_drained, fake_bad, fake_clear_fails;
static struct cxlflash_slice fake_slice;
static unsigned int fake_links;

u64 chunk_map_free(struct chunk_map *map)
{
	return FAKE_CHUNKS - map->nr_used;
}

/* Anywhere, so that neighbours are not always contiguous. */
int chunk_alloc(struct chunk_map *map, u32 *chunk, bool *dirty)
{
	u32 i = map->hint;

	if (map->nr_used == FAKE_CHUNKS)
		return -ENOSPC;
	while (map->used[i % FAKE_CHUNKS])
		i++;
	i %= FAKE_CHUNKS;
	map->hint = (map->hint * 5 + 1) % FAKE_CHUNKS;
	map->used[i] = true;
	map->nr_used++;
	*chunk = i;
	*dirty = map->dirty[i];
	return 0;
}

void chunk_put(struct chunk_map *map, u32 chunk, bool dirty)
{
	if (chunk >= FAKE_CHUNKS || !map->used[chunk]) {
		fake_bad = true;
		return;
	}
	map->used[chunk] = false;
	map->dirty[chunk] = dirty;
	map->nr_used--;
}

int chunk_clear(struct cxlflash_lun *lun, u32 chunk)
{
	if (fake_clear_fails)
		return -EIO;
	fake_map.dirty[chunk] = false;
	return 0;
}

int lun_use_get(struct cxlflash_lun *lun, enum lun_use use)
{
	if (lun->formatted)
		return -EBUSY;
	if (lun->use != LUN_UNUSED && lun->use != use)
		return -EINVAL;
	lun->use = use;
	lun->nr_users++;
	return 0;
}

void lun_use_put(struct cxlflash_lun *lun)
{
	if (!--lun->nr_users)
		lun->use = LUN_UNUSED;
}

struct cxlflash_lun *lun_get(struct cxlflash_lun *lun)
{
	fake_refs++;
	return lun;
}

void cxlflash_lun_put(struct cxlflash_lun *lun)
{
	fake_refs--;
}

bool lun_tryget_io(struct cxlflash_lun *lun)
{
	return true;
}

void lun_put_io(struct cxlflash_lun *lun)
{
}

int store_zero_sync(struct afu_store *st, u64 pos, u64 len)
{
	fake_zeroed++;
	return 0;
}

bool ctx_drain(struct cxlflash_ctx *ctx, long timeout)
{
	return fake_drained;
}

/* Slices: slice_kunit has the real ones. */

int slice_link(struct cxlflash_slice *slice, struct slice_handle *h,
	       struct cxlflash_ctx *ctx)
{
	if (slice->dead)
		return -ENODEV;
	h->ctx = ctx;
	fake_links++;
	return 0;
}

void slice_unlink(struct cxlflash_slice *slice, struct slice_handle *h)
{
	fake_bad |= !h->ctx;
	fake_links--;
}

u64 slice_nr_blocks(struct cxlflash_slice *slice)
{
	return 1000;
}

u8 slice_translate(struct cxlflash_slice *slice, u64 lba, u32 nr, u64 *pos,
		   u32 *contiguous, bool *unwritten)
{
	*pos = lba + 1;
	*contiguous = nr;
	*unwritten = lba & 1;
	return 0;
}

static int rht_test_init(struct kunit *test)
{
	struct cxlflash_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	memset(&fake_map, 0, sizeof(fake_map));
	memset(fake_map.dirty, true, sizeof(fake_map.dirty));
	memset(&fake_lun, 0, sizeof(fake_lun));
	fake_lun.block_lg2 = 12;
	fake_lun.chunks = &fake_map;
	fake_lun.nr_blocks = FAKE_CHUNKS << 16;
	memset(&fake_slice, 0, sizeof(fake_slice));
	fake_slice.lun = &fake_lun;
	fake_links = 0;
	fake_refs = 0;
	fake_zeroed = 0;
	fake_drained = true;
	fake_clear_fails = false;
	fake_bad = false;
	mutex_init(&ctx->rht_lock);
	test->priv = ctx;
	return rht_init(ctx);
}

/* Whatever a test did: nothing is left. */
static void rht_test_exit(struct kunit *test)
{
	rht_destroy(test->priv);
	rht_destroy(test->priv);
	KUNIT_EXPECT_EQ(test, fake_map.nr_used, 0);
	KUNIT_EXPECT_EQ(test, fake_lun.nr_users, 0);
	KUNIT_EXPECT_EQ(test, fake_refs, 0);
	KUNIT_EXPECT_EQ(test, fake_links, 0);
	KUNIT_EXPECT_FALSE(test, fake_bad);
}

static int rht_try(struct kunit *test, unsigned int flags, u64 nr)
{
	return cxlflash_handle_open_virtual(test->priv, &fake_lun, flags, nr);
}

static u8 rht_probe(struct cxlflash_ctx *ctx, u32 handle, struct rht_xlate *x)
{
	u8 afu_rc;

	rcu_read_lock();
	afu_rc = rht_lookup(ctx, handle, x);
	rcu_read_unlock();
	return afu_rc;
}

static u8 rht_where(struct cxlflash_ctx *ctx, u32 handle, u64 lba, u32 nr,
		    u64 *pos, u32 *contiguous)
{
	bool unwritten = true;
	u8 afu_rc;

	rcu_read_lock();
	afu_rc = rht_translate(ctx, handle, lba, nr, pos, contiguous,
			       &unwritten);
	rcu_read_unlock();
	/* But for slices everything is. */
	fake_bad |= !afu_rc && unwritten;
	return afu_rc;
}

/* A handle as one would write it down: which chunks, in which order. */
struct rht_model {
	bool open;
	u32 nr;
	u32 chunk[FAKE_CHUNKS];
};

static u32 rht_rand(u32 *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Any block, any length: byte by byte what the list of chunks says. */
static void rht_check_walk(struct kunit *test, u32 handle,
			   const struct rht_model *m, u32 *seed)
{
	u64 lba = (u64)(rht_rand(seed) % (m->nr + 1)) << 16, pos = 0, off;
	u32 nr = 1 + rht_rand(seed) % (3 << 16), got = 0, want = 0, i;
	u8 afu_rc;

	lba += rht_rand(seed) % 65536;
	afu_rc = rht_where(test->priv, handle, lba, nr, &pos, &got);
	if (lba >> 16 >= m->nr) {
		KUNIT_EXPECT_EQ(test, afu_rc, SISL_AFU_RC_LXT_OUT_OF_BOUNDS);
		return;
	}
	KUNIT_EXPECT_EQ(test, afu_rc, 0);
	i = lba >> 16;
	off = lba & 0xffff;
	KUNIT_EXPECT_EQ(test, pos, ((u64)m->chunk[i] << 28) + (off << 12));
	want = 65536 - off;
	for (; want < nr && i + 1 < m->nr; want += 65536, i++)
		if (m->chunk[i + 1] != m->chunk[i] + 1)
			break;
	KUNIT_EXPECT_EQ(test, got, min(want, nr));
}

static void rht_check_handle(struct kunit *test, u32 handle,
			     const struct rht_model *m, u32 *seed)
{
	struct rht_xlate x;
	u8 afu_rc = rht_probe(test->priv, handle, &x);

	if (!m->open) {
		KUNIT_EXPECT_EQ(test, afu_rc, SISL_AFU_RC_RHT_PERM);
		return;
	}
	KUNIT_EXPECT_EQ(test, afu_rc, 0);
	KUNIT_EXPECT_EQ(test, x.nr_blocks, (u64)m->nr << 16);
	KUNIT_EXPECT_PTR_EQ(test, x.lun, &fake_lun);
	KUNIT_EXPECT_NULL(test, x.slice);
	KUNIT_EXPECT_FALSE(test, x.physical);
	rht_check_walk(test, handle, m, seed);
}

/* Learn from the table what was appended; no chunk may be anybody else's. */
static void rht_model_grow(struct kunit *test, u32 handle,
			   struct rht_model *all, u32 nr)
{
	struct rht_model *m = &all[handle];
	u32 i, j, contiguous;
	bool shared = false;
	u64 pos;

	for (; m->nr < nr; m->nr++) {
		KUNIT_ASSERT_EQ(test, rht_where(test->priv, handle,
						(u64)m->nr << 16, 1, &pos,
						&contiguous), 0);
		for (i = 0; i < FAKE_HANDLES; i++)
			for (j = 0; all[i].open && j < all[i].nr; j++)
				shared |= all[i].chunk[j] == pos >> 28;
		KUNIT_EXPECT_FALSE(test, shared);
		m->chunk[m->nr] = pos >> 28;
		KUNIT_EXPECT_TRUE(test, fake_map.used[pos >> 28]);
		KUNIT_EXPECT_FALSE(test, fake_map.dirty[pos >> 28]);
		fake_map.dirty[pos >> 28] = true;
	}
}

static void rht_step_open(struct kunit *test, struct rht_model *all, u32 *seed)
{
	u64 nr = rht_rand(seed) % 9, free = chunk_map_free(&fake_map);
	u32 first = 0;
	int ret;

	while (first < FAKE_HANDLES && all[first].open)
		first++;
	if (first == FAKE_HANDLES)
		return;
	ret = rht_try(test, CXLFLASH_HANDLE_READ, nr);
	if (nr && !free) {
		KUNIT_EXPECT_EQ(test, ret, -ENOSPC);
		return;
	}
	KUNIT_ASSERT_EQ(test, ret, first);
	all[first].open = true;
	all[first].nr = 0;
	rht_model_grow(test, first, all, min(nr, free));
}

static void rht_step_resize(struct kunit *test, u32 handle,
			    struct rht_model *all, u32 *seed)
{
	u64 nr = rht_rand(seed) % 12, has = nr;
	u64 free = chunk_map_free(&fake_map);
	struct rht_model *m = &all[handle];
	int ret = cxlflash_handle_resize(test->priv, handle, &has);

	if (!m->open) {
		KUNIT_EXPECT_EQ(test, ret, -EINVAL);
		return;
	}
	if (nr > m->nr && !free) {
		KUNIT_EXPECT_EQ(test, ret, -ENOSPC);
		KUNIT_EXPECT_EQ(test, has, m->nr);
		return;
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	if (nr > m->nr) {
		KUNIT_EXPECT_EQ(test, has, min(nr, m->nr + free));
		rht_model_grow(test, handle, all, has);
	} else {
		KUNIT_EXPECT_EQ(test, has, nr);
		m->nr = nr;
	}
}

static void rht_step_close(struct kunit *test, u32 handle,
			   struct rht_model *all)
{
	int ret = cxlflash_handle_close(test->priv, handle);

	KUNIT_EXPECT_EQ(test, ret, all[handle].open ? 0 : -EINVAL);
	all[handle].open = false;
}

static void rht_agrees_with_a_list(struct kunit *test)
{
	struct rht_model *all;
	u32 seed = 1, step, handle, used;

	all = kunit_kcalloc(test, FAKE_HANDLES, sizeof(*all), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, all);
	for (step = 0; step < 500; step++) {
		handle = rht_rand(&seed) % FAKE_HANDLES;
		switch (rht_rand(&seed) % 4) {
		case 0:
			rht_step_open(test, all, &seed);
			break;
		case 1:
			rht_step_close(test, handle, all);
			break;
		default:
			rht_step_resize(test, handle, all, &seed);
		}
		used = 0;
		for (handle = 0; handle < FAKE_HANDLES; handle++) {
			used += all[handle].open ? all[handle].nr : 0;
			rht_check_handle(test, handle, &all[handle], &seed);
		}
		KUNIT_ASSERT_EQ(test, fake_map.nr_used, used);
	}
}

static void rht_numbers_end_somewhere(struct kunit *test)
{
	struct cxlflash_ctx *ctx = test->priv;
	struct rht_xlate x;
	int i;

	KUNIT_EXPECT_EQ(test, rht_probe(ctx, 0, &x), SISL_AFU_RC_RHT_PERM);
	KUNIT_EXPECT_EQ(test, rht_probe(ctx, 1023, &x), SISL_AFU_RC_RHT_PERM);
	KUNIT_EXPECT_EQ(test, rht_probe(ctx, 1024, &x),
			SISL_AFU_RC_RHT_OUT_OF_BOUNDS);
	KUNIT_EXPECT_EQ(test, rht_probe(ctx, U32_MAX, &x),
			SISL_AFU_RC_RHT_OUT_OF_BOUNDS);
	for (i = 0; i < RHT_MAX && rht_try(test, 0, 0) == i;)
		i++;
	KUNIT_ASSERT_EQ(test, i, RHT_MAX);
	KUNIT_EXPECT_EQ(test, rht_try(test, 0, 0), -EMFILE);
	KUNIT_EXPECT_EQ(test, rht_nr_open(ctx), RHT_MAX);
	KUNIT_EXPECT_EQ(test, rht_probe(ctx, RHT_MAX - 1, &x), 0);
	KUNIT_EXPECT_EQ(test, rht_probe(ctx, RHT_MAX, &x),
			SISL_AFU_RC_RHT_OUT_OF_BOUNDS);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(ctx, 77), 0);
	KUNIT_EXPECT_EQ(test, rht_try(test, 0, 0), 77);
}

static void rht_physical_is_the_whole_lun(struct kunit *test)
{
	struct cxlflash_ctx *ctx = test->priv;
	struct rht_xlate x;
	u32 contiguous;
	u64 pos, nr = 1;

	KUNIT_ASSERT_EQ(test, cxlflash_handle_open_physical(
			ctx, &fake_lun, CXLFLASH_HANDLE_WRITE), 0);
	KUNIT_EXPECT_EQ(test, rht_probe(ctx, 0, &x), 0);
	KUNIT_EXPECT_TRUE(test, x.physical);
	KUNIT_EXPECT_EQ(test, x.perm, 2);
	KUNIT_EXPECT_EQ(test, x.nr_blocks, fake_lun.nr_blocks);
	KUNIT_EXPECT_EQ(test, rht_where(ctx, 0, fake_lun.nr_blocks - 3, 9, &pos,
					&contiguous), 0);
	KUNIT_EXPECT_EQ(test, pos, (fake_lun.nr_blocks - 3) << 12);
	KUNIT_EXPECT_EQ(test, contiguous, 3);
	KUNIT_EXPECT_EQ(test, rht_where(ctx, 0, fake_lun.nr_blocks, 1, &pos,
					&contiguous),
			SISL_AFU_RC_LXT_OUT_OF_BOUNDS);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_resize(ctx, 0, &nr), -EINVAL);
	/* One use at a time. */
	KUNIT_EXPECT_EQ(test, rht_try(test, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_open_physical(ctx, &fake_lun, 0),
			1);
}

static void rht_flags_are_checked(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, rht_try(test, BIT(4), 1), -EINVAL);
	fake_lun.block_lg2 = 9;
	KUNIT_EXPECT_EQ(test, rht_try(test, CXLFLASH_HANDLE_SINGLE_BLOCK, 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, rht_try(test, 0, 1), 0);
	fake_lun.formatted = true;
	KUNIT_EXPECT_EQ(test, rht_try(test, 0, 1), -EBUSY);
}

/* A chunk of 512-byte blocks is as big as any other. */
static void rht_small_blocks_are_found(struct kunit *test)
{
	struct cxlflash_ctx *ctx = test->priv;
	u32 contiguous;
	u64 pos;

	fake_lun.block_lg2 = 9;
	KUNIT_ASSERT_EQ(test, rht_try(test, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, rht_where(ctx, 0, (1 << 19) - 1, 5, &pos,
					&contiguous), 0);
	KUNIT_EXPECT_EQ(test, pos & (SISL_CHUNK_BYTES - 1),
			SISL_CHUNK_BYTES - 512);
	KUNIT_EXPECT_EQ(test, contiguous, 1);
	KUNIT_EXPECT_EQ(test, rht_where(ctx, 0, 1 << 19, 1, &pos, &contiguous),
			SISL_AFU_RC_LXT_OUT_OF_BOUNDS);
}

/* An old write must not land in somebody else's chunk or handle. */
static void rht_limbo_keeps_what_is_in_flight(struct kunit *test)
{
	struct cxlflash_ctx *ctx = test->priv;
	struct rht_xlate x;
	u64 nr = 1;

	KUNIT_ASSERT_EQ(test, rht_try(test, 0, 4), 0);
	fake_drained = false;
	KUNIT_EXPECT_EQ(test, cxlflash_handle_resize(ctx, 0, &nr), -EAGAIN);
	KUNIT_EXPECT_EQ(test, nr, 1);
	KUNIT_EXPECT_EQ(test, fake_map.nr_used, 4);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(ctx, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_map.nr_used, 4);
	KUNIT_EXPECT_EQ(test, rht_probe(ctx, 0, &x), SISL_AFU_RC_RHT_PERM);
	KUNIT_EXPECT_EQ(test, rht_try(test, 0, 1), 1);
	fake_drained = true;
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(ctx, 1), 0);
	KUNIT_EXPECT_EQ(test, fake_map.nr_used, 0);
	KUNIT_EXPECT_EQ(test, fake_lun.nr_users, 0);
	KUNIT_EXPECT_EQ(test, rht_try(test, 0, 2), 0);
	/* And the end of the context empties it, too. */
	fake_drained = false;
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(ctx, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_map.nr_used, 2);
}

static void rht_scrub_clears_what_is_dropped(struct kunit *test)
{
	struct cxlflash_ctx *ctx = test->priv;
	u64 nr = 1;

	KUNIT_ASSERT_EQ(test, rht_try(test, CXLFLASH_HANDLE_SCRUB, 4), 0);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_resize(ctx, 0, &nr), 0);
	KUNIT_EXPECT_EQ(test, fake_zeroed, 3);
	nr = 1;
	KUNIT_EXPECT_EQ(test, cxlflash_handle_resize(ctx, 0, &nr), 0);
	KUNIT_EXPECT_EQ(test, fake_zeroed, 3);
}

static void rht_store_error_undoes_growth(struct kunit *test)
{
	struct cxlflash_ctx *ctx = test->priv;
	u64 nr = 3;

	fake_clear_fails = true;
	KUNIT_EXPECT_EQ(test, rht_try(test, 0, 2), -EIO);
	KUNIT_EXPECT_EQ(test, fake_map.nr_used, 0);
	KUNIT_EXPECT_EQ(test, rht_try(test, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_resize(ctx, 0, &nr), -EIO);
	KUNIT_EXPECT_EQ(test, nr, 0);
	KUNIT_EXPECT_EQ(test, fake_map.nr_used, 0);
}

static void rht_slices_are_what_the_slice_is(struct kunit *test)
{
	struct cxlflash_ctx *ctx = test->priv;
	unsigned int flags = CXLFLASH_HANDLE_READ | CXLFLASH_HANDLE_WRITE;
	struct rht_xlate x;
	bool unwritten;
	u64 pos, nr = 1;
	u32 contiguous;

	KUNIT_EXPECT_EQ(test, cxlflash_handle_open_slice(ctx, &fake_slice,
							 BIT(2)), -EINVAL);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_open_slice(ctx, &fake_slice,
							 flags), 0);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_open_slice(
			ctx, &fake_slice, CXLFLASH_HANDLE_READ), 1);
	KUNIT_EXPECT_EQ(test, fake_links, 2);
	/* The LUN itself is not used. */
	KUNIT_EXPECT_EQ(test, fake_lun.nr_users, 0);
	KUNIT_EXPECT_EQ(test, rht_probe(ctx, 1, &x), 0);
	KUNIT_EXPECT_PTR_EQ(test, x.slice, &fake_slice);
	KUNIT_EXPECT_PTR_EQ(test, x.lun, &fake_lun);
	KUNIT_EXPECT_EQ(test, x.perm, CXLFLASH_HANDLE_READ);
	KUNIT_EXPECT_FALSE(test, x.physical);
	KUNIT_EXPECT_EQ(test, x.nr_blocks, 1000);
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, rht_translate(ctx, 0, 7, 3, &pos, &contiguous,
					    &unwritten), 0);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, pos, 8);
	KUNIT_EXPECT_EQ(test, contiguous, 3);
	KUNIT_EXPECT_TRUE(test, unwritten);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_resize(ctx, 0, &nr), -EINVAL);
	fake_slice.dead = true;
	KUNIT_EXPECT_EQ(test, rht_probe(ctx, 0, &x), SISL_AFU_RC_RHT_PERM);
	KUNIT_EXPECT_EQ(test, rht_where(ctx, 0, 0, 1, &pos, &contiguous),
			SISL_AFU_RC_RHT_PERM);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_open_slice(ctx, &fake_slice,
							 flags), -ENODEV);
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(ctx, 0), 0);
	KUNIT_EXPECT_EQ(test, fake_links, 1);
	/* In limbo a slice is still open. */
	fake_drained = false;
	KUNIT_EXPECT_EQ(test, cxlflash_handle_close(ctx, 1), 0);
	KUNIT_EXPECT_EQ(test, fake_links, 1);
}

static struct kunit_case rht_cases[] = {
	KUNIT_CASE_SLOW(rht_agrees_with_a_list),
	KUNIT_CASE_SLOW(rht_numbers_end_somewhere),
	KUNIT_CASE(rht_physical_is_the_whole_lun),
	KUNIT_CASE(rht_flags_are_checked),
	KUNIT_CASE(rht_small_blocks_are_found),
	KUNIT_CASE(rht_limbo_keeps_what_is_in_flight),
	KUNIT_CASE(rht_scrub_clears_what_is_dropped),
	KUNIT_CASE(rht_store_error_undoes_growth),
	KUNIT_CASE(rht_slices_are_what_the_slice_is),
	{}
};

static struct kunit_suite rht_suite = {
	.name = "cxlflash_rht",
	.init = rht_test_init,
	.exit = rht_test_exit,
	.test_cases = rht_cases,
};

kunit_test_suite(rht_suite);

MODULE_DESCRIPTION("KUnit tests of resource handles");
MODULE_LICENSE("GPL");
