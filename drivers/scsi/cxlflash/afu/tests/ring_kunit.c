// SPDX-License-Identifier: GPL-2.0-only
/*
 * SISlite's rings against models that never wrap
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../ring.h"
#include "ring_cases.h"

static void ring_rounds(struct kunit *test,
			const char *(*run)(u32 seed, unsigned int steps))
{
	unsigned int seed;

	for (seed = 1; seed <= 50; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, run(seed, 2000), "", "seed %u",
				       seed);
}

static void ring_fifo_keeps_order(struct kunit *test)
{
	ring_rounds(test, ring_case_fifo);
}

static void ring_sq_agrees_with_counters(struct kunit *test)
{
	ring_rounds(test, ring_case_sq);
}

static void ring_sq_settings_are_checked(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, ring_case_sq_settings(), "");
}

static void ring_rrq_toggle_flips_at_each_wrap(struct kunit *test)
{
	ring_rounds(test, ring_case_rrq);
}

static void ring_rrq_settings_are_checked(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, ring_case_rrq_settings(), "");
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_fifo_keeps_order),
	KUNIT_CASE(ring_sq_agrees_with_counters),
	KUNIT_CASE(ring_sq_settings_are_checked),
	KUNIT_CASE(ring_rrq_toggle_flips_at_each_wrap),
	KUNIT_CASE(ring_rrq_settings_are_checked),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "cxlflash_ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_DESCRIPTION("KUnit tests of SISlite's rings");
MODULE_LICENSE("GPL");
