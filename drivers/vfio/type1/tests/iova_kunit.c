// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range tree against a naive list
 *
 * The source under test is included, because it is pure logic; the host runs
 * the same cases under ASan and UBSan (tools/testing/user).
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../iova.c"
#include "iova_cases.h"

static void iova_span_knows_the_edges(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, iova_case_span(), "");
}

static void iova_tree_agrees_with_a_list(struct kunit *test)
{
	unsigned int seed;

	for (seed = 1; seed <= 20; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, iova_case_random(seed, 400), "",
				       "seed %u", seed);
}

static void iova_tree_holds_the_ends_of_the_space(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, iova_case_ends(), "");
}

static void iova_range_may_be_the_whole_space(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, iova_case_whole(), "");
}

static struct kunit_case iova_cases[] = {
	KUNIT_CASE(iova_span_knows_the_edges),
	KUNIT_CASE(iova_tree_agrees_with_a_list),
	KUNIT_CASE(iova_tree_holds_the_ends_of_the_space),
	KUNIT_CASE(iova_range_may_be_the_whole_space),
	{}
};

static struct kunit_suite iova_suite = {
	.name = "iova",
	.test_cases = iova_cases,
};

kunit_test_suite(iova_suite);

MODULE_DESCRIPTION("KUnit tests of the range tree");
MODULE_LICENSE("GPL");
