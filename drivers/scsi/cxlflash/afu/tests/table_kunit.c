// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slice table on a simulated disk that loses power
 *
 * The sources under test are included; store and LUN are simulated, so nothing
 * but them runs.
 */
#define pr_fmt(fmt) "cxlflash_afu: " fmt

#include <kunit/test.h>
#include <linux/module.h>

/* What is said of damage and owners would fill the log. */
#undef pr_info
#define pr_info no_printk
#undef pr_warn
#define pr_warn no_printk

#include "../chunk.c"
#include "../table_fmt.c"
#include "../table_io.c"
#include "../table.c"
#include "../table_slice.c"
#include "table_sim.h"
#include "table_cases.h"

static void table_is_old_or_new_after_a_power_cut(struct kunit *test)
{
	unsigned int seed;

	table_init();
	for (seed = 1; seed <= 2; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, table_case_power_cuts(seed, 5),
				       "", "seed %u", seed);
}

static void table_survives_errors(struct kunit *test)
{
	unsigned int seed;

	for (seed = 1; seed <= 2; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, table_case_errors(seed, 10), "",
				       "seed %u", seed);
}

static void table_survives_outages(struct kunit *test)
{
	unsigned int seed;

	for (seed = 1; seed <= 2; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, table_case_outage(seed, 4), "",
				       "seed %u", seed);
}

static void table_refuses_garbage(struct kunit *test)
{
	unsigned int seed;

	for (seed = 1; seed <= 2; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, table_case_garbage(seed, 20), "",
				       "seed %u", seed);
}

static void table_holds_thousands_of_slices(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, table_case_large(600), "");
}

static void table_damage_is_seen(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, table_case_damage(389), "");
}

static void table_has_one_owner(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, table_case_owners(), "");
}

static void table_says_what_is_wrong(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, table_case_errnos(), "");
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE_SLOW(table_is_old_or_new_after_a_power_cut),
	KUNIT_CASE(table_survives_errors),
	KUNIT_CASE(table_survives_outages),
	KUNIT_CASE(table_refuses_garbage),
	KUNIT_CASE(table_holds_thousands_of_slices),
	KUNIT_CASE(table_damage_is_seen),
	KUNIT_CASE(table_has_one_owner),
	KUNIT_CASE(table_says_what_is_wrong),
	{}
};

static struct kunit_suite table_suite = {
	.name = "cxlflash_table",
	.test_cases = table_cases,
};

kunit_test_suite(table_suite);

MODULE_DESCRIPTION("KUnit tests of the slice table");
MODULE_LICENSE("GPL");
