/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TAP for tests of pure logic: a case returns "" or what is wrong
 */
#ifndef CXLFLASH_TEST_REPORT_H
#define CXLFLASH_TEST_REPORT_H

#include <stdio.h>
#include <stdlib.h>

static unsigned int nr_tests, nr_failed;

static inline void report_plan(unsigned int nr)
{
	printf("TAP version 13\n1..%u\n", nr);
}

static inline void report(const char *name, const char *wrong,
			  unsigned int seed)
{
	nr_tests++;
	if (!*wrong) {
		printf("ok %u %s\n", nr_tests, name);
		return;
	}
	nr_failed++;
	printf("# %s: seed %u\nnot ok %u %s\n", wrong, seed, nr_tests, name);
}

static inline unsigned int report_number(const char *name,
					 unsigned int fallback)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : fallback;
}

static inline void report_rounds(const char *name,
				 const char *(*run)(u32 seed,
						    unsigned int steps))
{
	unsigned int rounds = report_number("CXLFLASH_TEST_ROUNDS", 300);
	unsigned int seed = report_number("CXLFLASH_TEST_SEED", 1);
	const char *wrong = "";

	for (; rounds-- && !*wrong; seed++)
		wrong = run(seed, 2000);
	report(name, wrong, seed - 1);
}

static inline int report_end(void)
{
	return !!nr_failed;
}

#endif /* CXLFLASH_TEST_REPORT_H */
