// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range tree and the dirty bitmaps of type 1, under ASan and UBSan
 *
 * The same cases as KUnit's, many more rounds.  VFIO_TEST_SEED chooses other
 * seeds, VFIO_TEST_ROUNDS how many.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#ifndef U64_MAX
#define U64_MAX	(~0ULL)
#endif

#include "iova.c"
#include "dirty.c"
#include "tests/iova_cases.h"
#include "tests/dirty_cases.h"

static unsigned int nr_tests, nr_failed;

static void report(const char *name, const char *wrong, unsigned int seed)
{
	nr_tests++;
	if (!*wrong) {
		printf("ok %u %s\n", nr_tests, name);
		return;
	}
	nr_failed++;
	printf("# %s: seed %u\nnot ok %u %s\n", wrong, seed, nr_tests, name);
}

static unsigned int number(const char *name, unsigned int fallback)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : fallback;
}

static void report_rounds(const char *name,
			  const char *(*run)(u32 seed, unsigned int steps))
{
	unsigned int rounds = number("VFIO_TEST_ROUNDS", 300);
	unsigned int seed = number("VFIO_TEST_SEED", 1);
	const char *wrong = "";

	for (; rounds-- && !*wrong; seed++)
		wrong = run(seed, 2000);
	report(name, wrong, seed - 1);
}

int main(void)
{
	printf("TAP version 13\n1..6\n");
	report("iova span knows the edges", iova_case_span(), 0);
	report("iova tree holds the ends of the space", iova_case_ends(), 0);
	report("iova range may be the whole space", iova_case_whole(), 0);
	report_rounds("iova tree agrees with a list", iova_case_random);
	report("dirty sizes are checked", dirty_case_sizes(), 0);
	report_rounds("dirty map agrees with bytes", dirty_case_random);
	return !!nr_failed;
}
