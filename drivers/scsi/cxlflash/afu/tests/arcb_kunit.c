// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOARCBs against a list of what may be sent
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../arcb.c"
#include "arcb_cases.h"

static void arcb_rounds(struct kunit *test,
			const char *(*run)(u32 seed, unsigned int steps))
{
	unsigned int seed;

	for (seed = 1; seed <= 50; seed++)
		KUNIT_EXPECT_STREQ_MSG(test, run(seed, 2000), "", "seed %u",
				       seed);
}

static void arcb_parse_agrees_with_model(struct kunit *test)
{
	arcb_rounds(test, arcb_case_model);
}

static void arcb_charge_is_bounded(struct kunit *test)
{
	arcb_rounds(test, arcb_case_charge);
}

static void arcb_range_is_read(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, arcb_case_range(), "");
}

static void arcb_timeout_has_units(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, arcb_case_timeout(), "");
}

static void arcb_swap_turns_every_member(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, arcb_case_swap(), "");
}

static void arcb_ioadl_size_is_checked(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, arcb_case_ioadl(), "");
}

static struct kunit_case arcb_cases[] = {
	KUNIT_CASE(arcb_parse_agrees_with_model),
	KUNIT_CASE(arcb_charge_is_bounded),
	KUNIT_CASE(arcb_range_is_read),
	KUNIT_CASE(arcb_timeout_has_units),
	KUNIT_CASE(arcb_swap_turns_every_member),
	KUNIT_CASE(arcb_ioadl_size_is_checked),
	{}
};

static struct kunit_suite arcb_suite = {
	.name = "arcb",
	.test_cases = arcb_cases,
};

kunit_test_suite(arcb_suite);

MODULE_DESCRIPTION("KUnit tests of IOARCB parsing");
MODULE_LICENSE("GPL");
