// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the stores that need no device: ram, null, record
 *
 * The stores are compiled into this module, since the adapter's exports none
 * of them.  What a RAM store holds is compared with a plain buffer that gets
 * the same writes.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/unaligned.h>

#include "../store.c"
#include "../store_block.c"
#include "../store_file.c"
#include "../store_null.c"
#include "../store_pmem.c"
#include "../store_ram.c"
#include "../store_record.c"

#define TEST_SIZE	SZ_2M
#define TEST_ROUNDS	400

static struct afu_store *test_open(struct kunit *test, const char *kind,
				   const char *path, bool write_cache)
{
	struct afu_store_params p = {
		.path = path,
		.size = TEST_SIZE,
		.block_size = 512,
		.write_cache = write_cache,
	};
	struct afu_store *st = store_open(kind, &p);

	KUNIT_ASSERT_FALSE(test, IS_ERR(st));
	return st;
}

static u8 *test_buffer(struct kunit *test, size_t size)
{
	u8 *buf = kunit_kzalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

static unsigned long test_count_pages(struct afu_store *st)
{
	struct store_ram *ram = st->priv;
	unsigned long nr = 0;
	u64 pos;

	rcu_read_lock();
	for (pos = 0; pos < st->size; pos += PAGE_SIZE)
		nr += !!store_ram_find(ram, pos);
	rcu_read_unlock();
	return nr;
}

struct open_case {
	const char *kind;
	const char *path;
	u64 size;
	u32 block_size;
	int error;
};

static const struct open_case open_cases[] = {
	{ "none", "", SZ_1M, 512, -ENOENT },
	{ "ram", "", SZ_1M, 1024, -EINVAL },
	{ "ram", "", SZ_1M, 0, -EINVAL },
	{ "ram", "", SZ_1M + 1, 512, -EINVAL },
	{ "ram", "", SZ_512K, 512, -EINVAL },
	{ "ram", "", 1ULL << 61, 512, -EFBIG },
	{ "ram", "", RAM_MAX_SIZE + 512, 512, -EFBIG },
	{ "file", "", SZ_1M, 512, -EINVAL },
	{ "file", "relative", SZ_1M, 512, -EINVAL },
	{ "file", "/nosuchfile", SZ_1M, 512, -ENOENT },
	{ "block", "", SZ_1M, 512, -EINVAL },
	{ "block", "relative", SZ_1M, 512, -EINVAL },
	{ "block", "/dev/nosuchdevice", SZ_1M, 512, -ENOENT },
	{ "pmem", "relative", SZ_1M, 512, -EINVAL },
	{ "record", "a/b", SZ_1M, 512, -EINVAL },
	{ "record", "..", SZ_1M, 512, -EINVAL },
};

static void store_open_refuses(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(open_cases); i++) {
		struct afu_store_params p = {
			.path = open_cases[i].path,
			.size = open_cases[i].size,
			.block_size = open_cases[i].block_size,
		};

		KUNIT_EXPECT_EQ_MSG(test,
				    PTR_ERR(store_open(open_cases[i].kind, &p)),
				    open_cases[i].error, "case %u", i);
	}
}

static void store_errno_is_in_the_list(struct kunit *test)
{
	static const int listed[] = {
		0, -EIO, -ENOSPC, -EOPNOTSUPP, -ENODATA, -ETIMEDOUT, -ENOLINK,
		-EROFS, -ENOMEM,
	};
	unsigned int i;
	int error;

	for (error = 0; error > -MAX_ERRNO; error--) {
		int ret = store_errno(error);

		for (i = 0; i < ARRAY_SIZE(listed); i++)
			if (ret == listed[i])
				break;
		KUNIT_EXPECT_LT(test, i, ARRAY_SIZE(listed));
	}
	for (i = 0; i < ARRAY_SIZE(listed); i++)
		KUNIT_EXPECT_EQ(test, store_errno(listed[i]), listed[i]);
}

static void ram_equals_model(struct kunit *test)
{
	struct afu_store *st = test_open(test, "ram", "", false);
	u8 *model = vzalloc(TEST_SIZE);
	u8 *buf = vzalloc(TEST_SIZE);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < TEST_ROUNDS; i++) {
		u32 len = get_random_u32_inclusive(1, SZ_64K / 512) * 512;
		u32 pos = get_random_u32_below((TEST_SIZE - len) / 512) * 512;

		switch (get_random_u32_below(4)) {
		case 0:
			store_ram_discard(st, pos, len);
			memset(model + pos, 0, len);
			break;
		case 1:
			KUNIT_EXPECT_EQ(test, st->ops->copy(st, pos, buf, len,
							    false), 0);
			KUNIT_EXPECT_MEMEQ(test, buf, model + pos, len);
			break;
		default:
			memset(model + pos, i, len);
			KUNIT_EXPECT_EQ(test, st->ops->copy(st, pos,
							    model + pos, len,
							    true), 0);
			break;
		}
	}
	KUNIT_EXPECT_EQ(test, st->ops->copy(st, 0, buf, TEST_SIZE, false), 0);
	KUNIT_EXPECT_EQ(test, memcmp(buf, model, TEST_SIZE), 0);
	vfree(buf);
	vfree(model);
	store_close(st);
}

static void ram_allocates_what_is_written(struct kunit *test)
{
	struct afu_store *st = test_open(test, "ram", "", false);
	u8 *buf = test_buffer(test, 2 * PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, test_count_pages(st), 0);
	KUNIT_EXPECT_EQ(test, st->ops->copy(st, SZ_1M, buf, PAGE_SIZE, false),
			0);
	KUNIT_EXPECT_EQ(test, test_count_pages(st), 0);
	/* Half of one and half of the next. */
	KUNIT_EXPECT_EQ(test, st->ops->copy(st, SZ_1M + 2048, buf, PAGE_SIZE,
					    true), 0);
	KUNIT_EXPECT_EQ(test, test_count_pages(st), 2);
	/* Parts of pages are cleared, whole ones freed. */
	store_ram_discard(st, SZ_1M + 512, 2 * PAGE_SIZE - 1024);
	KUNIT_EXPECT_EQ(test, test_count_pages(st), 2);
	store_ram_discard(st, SZ_1M, PAGE_SIZE + 512);
	KUNIT_EXPECT_EQ(test, test_count_pages(st), 1);
	KUNIT_EXPECT_EQ(test, store_zero_sync(st, 0, TEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, test_count_pages(st), 0);
	store_close(st);
}

static void ram_regrown_reads_zero(struct kunit *test)
{
	struct afu_store *st = test_open(test, "ram", "", false);
	u8 *buf = test_buffer(test, 2 * PAGE_SIZE);

	memset(buf, 0xa5, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, st->ops->copy(st, SZ_1M, buf, 2 * PAGE_SIZE,
					    true), 0);
	KUNIT_EXPECT_EQ(test, st->ops->resize(st, SZ_1M + 512), 0);
	KUNIT_EXPECT_EQ(test, st->ops->copy(st, SZ_1M, buf, 1024, false),
			-EIO);
	KUNIT_EXPECT_EQ(test, st->ops->resize(st, TEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, st->ops->copy(st, SZ_1M, buf, 2 * PAGE_SIZE,
					    false), 0);
	KUNIT_EXPECT_EQ(test, buf[511], 0xa5);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf + 512, 0, 2 * PAGE_SIZE - 512));
	KUNIT_EXPECT_EQ(test, st->ops->resize(st, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, st->ops->resize(st, SZ_1M + 1), -EINVAL);
	store_close(st);
}

static void store_refuses_out_of_range(struct kunit *test)
{
	static const char *const kinds[] = { "ram", "null", "record" };
	u8 *buf = test_buffer(test, 1024);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct afu_store *st = test_open(test, kinds[i], "kunit",
						 false);

		KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_WRITE,
						    TEST_SIZE - 512, buf, 1024,
						    false), -EIO);
		KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_READ, TEST_SIZE,
						    buf, 512, false), -EIO);
		KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_READ,
						    U64_MAX - 511, buf, 1024,
						    false), -EIO);
		KUNIT_EXPECT_EQ(test, store_zero_sync(st, TEST_SIZE - 512,
						      1024), -EIO);
		store_close(st);
	}
}

struct race {
	struct afu_store *st;
	u8 *buf;
	u8 fill;
	int bad;
};

/* One of those that write, read and free the same few pages. */
static int race_thread(void *data)
{
	struct race *race = data;
	unsigned int i;

	for (i = 0; i < 2000 && !race->bad; i++) {
		u32 pos = (i % 4) * PAGE_SIZE;

		memset(race->buf, race->fill, PAGE_SIZE);
		race->bad = race->st->ops->copy(race->st, pos, race->buf,
						PAGE_SIZE, true);
		if (i % 3 == 0)
			store_ram_discard(race->st, pos, PAGE_SIZE);
		if (!race->bad)
			race->bad = race->st->ops->copy(race->st, pos,
							race->buf, PAGE_SIZE,
							false);
		/* What is neither zero nor ours came from freed memory. */
		if (race->buf[0] > 2 || race->buf[PAGE_SIZE - 1] > 2)
			race->bad = -EILSEQ;
		cond_resched();
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void ram_races_are_harmless(struct kunit *test)
{
	struct afu_store *st = test_open(test, "ram", "", false);
	struct task_struct *task[2];
	struct race race[2] = { };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		race[i].st = st;
		race[i].fill = i + 1;
		race[i].buf = test_buffer(test, PAGE_SIZE);
		task[i] = kthread_run(race_thread, &race[i], "store_kunit");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task[i]));
	}
	for (i = 0; i < 2; i++) {
		kthread_stop(task[i]);
		KUNIT_EXPECT_EQ(test, race[i].bad, 0);
	}
	KUNIT_EXPECT_LE(test, test_count_pages(st), 4);
	store_close(st);
}

static void null_keeps_nothing(struct kunit *test)
{
	struct afu_store *st = test_open(test, "null", "", false);
	u8 *buf = test_buffer(test, 512);

	memset(buf, 0x5a, 512);
	KUNIT_EXPECT_TRUE(test, st->flags & STORE_DATALESS);
	KUNIT_EXPECT_EQ(test, st->ops->copy(st, 0, buf, 512, true), 0);
	/* ->copy() leaves the buffer alone, all other reads clear it. */
	KUNIT_EXPECT_EQ(test, st->ops->copy(st, 0, buf, 512, false), 0);
	KUNIT_EXPECT_EQ(test, buf[0], 0x5a);
	KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_READ, 0, buf, 512,
					    false), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf, 0, 512));
	store_close(st);
}

static const struct record_entry *record_at(struct store_rec *rec, u64 *at)
{
	const struct record_entry *entry = (void *)rec->chunk[0] + *at;

	*at += sizeof(*entry);
	if (le32_to_cpu(entry->what) == RECORD_WRITE)
		*at += le64_to_cpu(entry->len);
	return entry;
}

static void record_expect(struct kunit *test, struct store_rec *rec, u64 *at,
			  u32 what, u32 flags, u64 pos, u64 len)
{
	const struct record_entry *entry = record_at(rec, at);

	KUNIT_EXPECT_EQ(test, le32_to_cpu(entry->what), what);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(entry->flags), flags);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(entry->pos), pos);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(entry->len), len);
}

static void record_has_all_in_order(struct kunit *test)
{
	struct afu_store *st = test_open(test, "record", "kunit", true);
	struct store_rec *rec = st->priv;
	u64 at = sizeof(struct record_header);
	u8 *buf = test_buffer(test, 1024);

	memset(buf, 0xc3, 1024);
	KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_WRITE, 4096, buf, 1024,
					    false), 0);
	KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_WRITE, 0, NULL, 512,
					    true), 0);
	KUNIT_EXPECT_EQ(test, store_flush_sync(st), 0);
	KUNIT_EXPECT_EQ(test, store_zero_sync(st, 4096, 512), 0);
	KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_READ, 4096, buf, 1024,
					    false), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf, 0, 512));
	KUNIT_EXPECT_NULL(test, memchr_inv(buf + 512, 0xc3, 512));

	KUNIT_EXPECT_MEMEQ(test, rec->chunk[0], RECORD_MAGIC, 8);
	record_expect(test, rec, &at, RECORD_WRITE, 0, 4096, 1024);
	KUNIT_EXPECT_EQ(test, rec->chunk[0][at - 1], 0xc3);
	record_expect(test, rec, &at, RECORD_WRITE, RECORD_DURABLE, 0, 512);
	record_expect(test, rec, &at, RECORD_FLUSH, 0, 0, 0);
	record_expect(test, rec, &at, RECORD_ZERO, 0, 4096, 512);
	KUNIT_EXPECT_EQ(test, rec->log_len, at);
	store_close(st);
}

static void record_without_cache_is_durable(struct kunit *test)
{
	struct afu_store *st = test_open(test, "record", "kunit", false);
	u64 at = sizeof(struct record_header);

	KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_WRITE, 0, NULL, 512,
					    false), 0);
	record_expect(test, st->priv, &at, RECORD_WRITE, RECORD_DURABLE, 0,
		      512);
	store_close(st);
}

static void record_ends_when_full(struct kunit *test)
{
	struct afu_store *st = test_open(test, "record", "kunit", true);
	struct store_rec *rec = st->priv;
	const u64 entry = sizeof(struct record_entry);
	const u8 *last;

	/* Two records fit, the second is the one that says so. */
	rec->log_len = RECORD_MAX - 2 * entry;
	KUNIT_EXPECT_EQ(test, store_flush_sync(st), 0);
	KUNIT_EXPECT_FALSE(test, rec->full);
	KUNIT_EXPECT_EQ(test, store_flush_sync(st), 0);
	KUNIT_EXPECT_TRUE(test, rec->full);
	KUNIT_EXPECT_EQ(test, rec->log_len, RECORD_MAX);
	last = rec->chunk[RECORD_CHUNKS - 1] + RECORD_CHUNK - entry;
	KUNIT_EXPECT_EQ(test, get_unaligned_le32(last), RECORD_END);
	/* The store goes on. */
	KUNIT_EXPECT_EQ(test, store_flush_sync(st), 0);
	KUNIT_EXPECT_EQ(test, rec->log_len, RECORD_MAX);
	store_close(st);
}

/* A buffer that begins in the middle of a block still moves whole blocks. */
static void sync_takes_any_buffer(struct kunit *test)
{
	struct afu_store *st = test_open(test, "record", "kunit", false);
	u8 *from = vmalloc(SZ_1M + 100), *to = vmalloc(SZ_1M);

	KUNIT_ASSERT_NOT_NULL(test, from);
	KUNIT_ASSERT_NOT_NULL(test, to);
	get_random_bytes(from + 100, SZ_1M);
	KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_WRITE, 512, from + 100,
					    SZ_1M, false), 0);
	KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_READ, 512, to, SZ_1M,
					    false), 0);
	KUNIT_EXPECT_EQ(test, memcmp(from + 100, to, SZ_1M), 0);
	vfree(to);
	vfree(from);
	store_close(st);
}

static void read_only_refuses_changes(struct kunit *test)
{
	struct afu_store_params p = {
		.path = "",
		.size = TEST_SIZE,
		.block_size = 512,
		.read_only = true,
	};
	struct afu_store *st = store_open("ram", &p);
	u8 *buf = test_buffer(test, 512);

	KUNIT_ASSERT_FALSE(test, IS_ERR(st));
	KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_WRITE, 0, buf, 512,
					    false), -EROFS);
	KUNIT_EXPECT_EQ(test, store_zero_sync(st, 0, 512), -EROFS);
	KUNIT_EXPECT_EQ(test, store_flush_sync(st), 0);
	KUNIT_EXPECT_EQ(test, store_rw_sync(st, AFU_IO_READ, 0, buf, 512,
					    false), 0);
	store_close(st);
}

static void record_names_are_unique(struct kunit *test)
{
	struct afu_store_params p = {
		.path = "kunit",
		.size = TEST_SIZE,
		.block_size = 512,
	};
	struct afu_store *st = test_open(test, "record", "kunit", false);

	KUNIT_EXPECT_EQ(test, PTR_ERR(store_open("record", &p)), -EEXIST);
	store_close(st);
}

/* Takes the place of a store: a buffer that pieces go to and come from. */
static u8 *bounce_medium;
static unsigned int bounce_pieces;

static int bounce_move(struct afu_io *io, struct bio_vec *bv,
		       unsigned int nr_bv, u64 pos, u32 len)
{
	unsigned int i;

	bounce_pieces++;
	for (i = 0; i < nr_bv; i++) {
		if (bv[i].bv_offset)
			return -EINVAL;
		if (io->op == AFU_IO_WRITE)
			memcpy(bounce_medium + pos, bvec_virt(&bv[i]),
			       bv[i].bv_len);
		else
			memcpy(bvec_virt(&bv[i]), bounce_medium + pos,
			       bv[i].bv_len);
		pos += bv[i].bv_len;
		len -= bv[i].bv_len;
	}
	return len ? -EINVAL : 0;
}

static void bounce_moves_all(struct kunit *test)
{
	const u32 len = STORE_BOUNCE_PAGES * PAGE_SIZE + 3 * 512;
	u8 *buf = test_buffer(test, 2 * len), *from = buf + 7;
	mempool_t *pool = store_bounce_pool_create();
	struct bio_vec bv[2];
	struct afu_io io = {
		.op = AFU_IO_WRITE,
		.pos = 512,
		.len = len,
		.bv = bv,
		.nr_bv = 2,
	};

	KUNIT_ASSERT_NOT_NULL(test, pool);
	bounce_medium = test_buffer(test, 2 * len);
	bounce_pieces = 0;
	get_random_bytes(from, len);
	bvec_set_virt(&bv[0], from, 100);
	bvec_set_virt(&bv[1], from + 100, len - 100);
	KUNIT_EXPECT_FALSE(test, store_io_is_aligned(&io, 0, 511));
	KUNIT_EXPECT_TRUE(test, store_io_is_aligned(&io, 0, 0));
	KUNIT_EXPECT_EQ(test, store_bounce(&io, pool, bounce_move), 0);
	KUNIT_EXPECT_EQ(test, bounce_pieces, 2);
	KUNIT_EXPECT_EQ(test, memcmp(bounce_medium + 512, from, len), 0);
	memset(from, 0, len);
	io.op = AFU_IO_READ;
	KUNIT_EXPECT_EQ(test, store_bounce(&io, pool, bounce_move), 0);
	KUNIT_EXPECT_EQ(test, memcmp(bounce_medium + 512, from, len), 0);
	mempool_destroy(pool);
}

static int store_suite_init(struct kunit_suite *suite)
{
	return store_init();
}

static void store_suite_exit(struct kunit_suite *suite)
{
	if (!suite->suite_init_err)
		store_exit();
}

static struct kunit_case store_cases[] = {
	KUNIT_CASE(store_open_refuses),
	KUNIT_CASE(store_errno_is_in_the_list),
	KUNIT_CASE(store_refuses_out_of_range),
	KUNIT_CASE(ram_equals_model),
	KUNIT_CASE(ram_allocates_what_is_written),
	KUNIT_CASE(ram_regrown_reads_zero),
	KUNIT_CASE(ram_races_are_harmless),
	KUNIT_CASE(null_keeps_nothing),
	KUNIT_CASE(record_has_all_in_order),
	KUNIT_CASE(record_without_cache_is_durable),
	KUNIT_CASE(record_ends_when_full),
	KUNIT_CASE(record_names_are_unique),
	KUNIT_CASE(bounce_moves_all),
	KUNIT_CASE(sync_takes_any_buffer),
	KUNIT_CASE(read_only_refuses_changes),
	{ }
};

static struct kunit_suite store_suite = {
	.name = "cxlflash_store",
	.suite_init = store_suite_init,
	.suite_exit = store_suite_exit,
	.test_cases = store_cases,
};

kunit_test_suite(store_suite);

MODULE_DESCRIPTION("KUnit tests of the software CXL flash adapter's stores");
MODULE_LICENSE("GPL");
