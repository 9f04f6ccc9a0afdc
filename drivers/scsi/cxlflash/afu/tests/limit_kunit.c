// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rate limits against their definition, and groups of them
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../limit.c"
#include "../limit_group.c"
#include "limit_cases.h"

static void limit_rounds(struct kunit *test,
			 const char *(*run)(u32 seed, unsigned int steps))
{
	unsigned int seed;

	for (seed = 1; seed <= 5; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, run(seed, 500), "", "seed %u",
				       seed);
}

static void limit_loses_nothing(struct kunit *test)
{
	limit_rounds(test, limit_case_exact);
}

static void limit_holds_over_every_period(struct kunit *test)
{
	limit_rounds(test, limit_case_periods);
}

static void limit_gives_the_busy_their_rate(struct kunit *test)
{
	limit_rounds(test, limit_case_busy);
}

static void limit_edges(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, limit_case_edges(), "");
	KUNIT_EXPECT_STREQ(test, limit_case_both(), "");
	KUNIT_EXPECT_STREQ(test, limit_case_check(), "");
}

static void limit_group_is_shared_by_name(struct kunit *test)
{
	struct limit_group *a = limit_group_get("a"), *b, *c;

	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	b = limit_group_get("b");
	KUNIT_ASSERT_FALSE(test, IS_ERR(b));
	c = limit_group_get("a");
	KUNIT_EXPECT_PTR_EQ(test, a, c);
	KUNIT_EXPECT_PTR_NE(test, a, b);
	limit_group_put(a);
	a = limit_group_get("a");
	KUNIT_EXPECT_PTR_EQ(test, a, c);
	limit_group_put(a);
	limit_group_put(b);
	limit_group_put(c);
	limit_group_put(NULL);
	KUNIT_EXPECT_TRUE(test, list_empty(&limit_groups));
}

static void limit_group_names_are_checked(struct kunit *test)
{
	struct limit_group *g;

	KUNIT_EXPECT_PTR_EQ(test, limit_group_get(""), ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test,
			    limit_group_get("0123456789abcdef0123456789abcdef"),
			    ERR_PTR(-ENAMETOOLONG));
	g = limit_group_get("0123456789abcdef0123456789abcde");
	KUNIT_ASSERT_FALSE(test, IS_ERR(g));
	limit_group_put(g);
}

static struct kunit_case limit_cases[] = {
	KUNIT_CASE(limit_loses_nothing),
	KUNIT_CASE(limit_holds_over_every_period),
	KUNIT_CASE(limit_gives_the_busy_their_rate),
	KUNIT_CASE(limit_edges),
	KUNIT_CASE(limit_group_is_shared_by_name),
	KUNIT_CASE(limit_group_names_are_checked),
	{}
};

static struct kunit_suite limit_suite = {
	.name = "cxlflash_limit",
	.test_cases = limit_cases,
};

kunit_test_suite(limit_suite);

MODULE_DESCRIPTION("KUnit tests of rate limits");
MODULE_LICENSE("GPL");
