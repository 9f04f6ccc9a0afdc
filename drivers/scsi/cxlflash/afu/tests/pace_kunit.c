// SPDX-License-Identifier: GPL-2.0-only
/*
 * When engines look for work
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../pace.h"
#include "pace_cases.h"

static void pace_rounds(struct kunit *test,
			const char *(*run)(u32 seed, unsigned int steps))
{
	unsigned int seed;

	for (seed = 1; seed <= 50; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, run(seed, 500), "", "seed %u",
				       seed);
}

static void pace_rests_as_it_may(struct kunit *test)
{
	pace_rounds(test, pace_case_any);
}

static void pace_knows_steady_pauses(struct kunit *test)
{
	pace_rounds(test, pace_case_steady);
}

static void pace_sleeps_through_long_pauses(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, pace_case_long(), "");
}

static void pace_follows_what_it_finds(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, pace_case_follow(), "");
}

static void pace_bears_slow_rests(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, pace_case_slow_rests(), "");
}

static struct kunit_case pace_cases[] = {
	KUNIT_CASE(pace_rests_as_it_may),
	KUNIT_CASE(pace_knows_steady_pauses),
	KUNIT_CASE(pace_sleeps_through_long_pauses),
	KUNIT_CASE(pace_follows_what_it_finds),
	KUNIT_CASE(pace_bears_slow_rests),
	{}
};

static struct kunit_suite pace_suite = {
	.name = "cxlflash_pace",
	.test_cases = pace_cases,
};

kunit_test_suite(pace_suite);

MODULE_DESCRIPTION("KUnit tests of the pace of engines");
MODULE_LICENSE("GPL");
