// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty bitmaps against one byte per bit
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../dirty.c"
#include "dirty_cases.h"

static void dirty_map_agrees_with_bytes(struct kunit *test)
{
	unsigned int seed;

	for (seed = 1; seed <= 20; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, dirty_case_random(seed, 200), "",
				       "seed %u", seed);
}

static void dirty_sizes_are_checked(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, dirty_case_sizes(), "");
}

static struct kunit_case dirty_cases[] = {
	KUNIT_CASE(dirty_map_agrees_with_bytes),
	KUNIT_CASE(dirty_sizes_are_checked),
	{}
};

static struct kunit_suite dirty_suite = {
	.name = "dirty",
	.test_cases = dirty_cases,
};

kunit_test_suite(dirty_suite);

MODULE_DESCRIPTION("KUnit tests of dirty bitmaps");
MODULE_LICENSE("GPL");
