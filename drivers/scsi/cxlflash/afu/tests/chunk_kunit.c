// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chunk allocator against an array of counters
 *
 * The source under test is included; what chunk_clear() needs of others is
 * here, and counts what it is asked for.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../chunk.c"
#include "chunk_cases.h"

static struct {
	bool gone;
	unsigned int nr_held;
	unsigned int nr_zeroed;
	unsigned int nr_flushed;
	u64 pos;
} fake;

bool lun_tryget_io(struct cxlflash_lun *lun)
{
	fake.nr_held += !fake.gone;
	return !fake.gone;
}

void lun_put_io(struct cxlflash_lun *lun)
{
	fake.nr_held--;
}

int store_zero_sync(struct afu_store *st, u64 pos, u64 len)
{
	fake.nr_zeroed++;
	fake.pos = pos;
	return len == SISL_CHUNK_BYTES ? 0 : -EIO;
}

int store_flush_sync(struct afu_store *st)
{
	/* After the zeroes. */
	fake.nr_flushed += fake.nr_zeroed;
	return 0;
}

static void chunk_map_agrees_with_counters(struct kunit *test)
{
	unsigned int seed;

	for (seed = 1; seed <= 20; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, chunk_case_random(seed, 400), "",
				       "seed %u", seed);
}

static void chunk_is_shared_by_255(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, chunk_case_shared(), "");
}

static void chunk_map_sizes_are_checked(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, chunk_case_sizes(), "");
}

static void chunk_clear_zeroes_and_flushes(struct kunit *test)
{
	struct afu_store st = { };
	struct cxlflash_lun *lun;

	lun = kunit_kzalloc(test, sizeof(*lun), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lun);
	memset(&fake, 0, sizeof(fake));
	lun->store = &st;
	KUNIT_EXPECT_EQ(test, chunk_clear(lun, 77), 0);
	KUNIT_EXPECT_EQ(test, fake.nr_zeroed, 0);
	lun->secret = true;
	st.flags = STORE_DATALESS;
	KUNIT_EXPECT_EQ(test, chunk_clear(lun, 77), 0);
	KUNIT_EXPECT_EQ(test, fake.nr_zeroed, 0);
	st.flags = 0;
	KUNIT_EXPECT_EQ(test, chunk_clear(lun, 77), 0);
	KUNIT_EXPECT_EQ(test, fake.nr_zeroed, 1);
	KUNIT_EXPECT_EQ(test, fake.nr_flushed, 1);
	KUNIT_EXPECT_EQ(test, fake.pos, 77ULL << 28);
	fake.gone = true;
	KUNIT_EXPECT_EQ(test, chunk_clear(lun, 77), -ENODEV);
	KUNIT_EXPECT_EQ(test, fake.nr_held, 0);
}

static struct kunit_case chunk_cases[] = {
	KUNIT_CASE(chunk_map_agrees_with_counters),
	KUNIT_CASE(chunk_is_shared_by_255),
	KUNIT_CASE(chunk_map_sizes_are_checked),
	KUNIT_CASE(chunk_clear_zeroes_and_flushes),
	{}
};

static struct kunit_suite chunk_suite = {
	.name = "cxlflash_chunk",
	.test_cases = chunk_cases,
};

kunit_test_suite(chunk_suite);

MODULE_DESCRIPTION("KUnit tests of the chunk allocator");
MODULE_LICENSE("GPL");
