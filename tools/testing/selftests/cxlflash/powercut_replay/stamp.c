// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contents that say what they are: each sector names its version and its place,
 * and the rest of it follows from those
 */
#include <string.h>

#include "powercut.h"

#define WORDS	(SECTOR / sizeof(uint64_t))
#define MAGIC	0x9e3779b97f4a7c15ULL

static void stamp_one(uint64_t *word, uint32_t version, uint64_t sector)
{
	uint64_t x = (version * MAGIC) ^ (sector << 32 | version);
	unsigned int i;

	word[0] = version;
	word[1] = sector ^ MAGIC;
	for (i = 2; i < WORDS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		word[i] = x;
	}
}

void stamp_fill(void *buf, uint32_t version, uint64_t sector, uint64_t nr)
{
	uint8_t *at = buf;

	for (; nr; nr--, sector++, at += SECTOR)
		stamp_one((uint64_t *)at, version, sector);
}

/* The version of a sector, or STAMP_BAD: it is not all of one. */
uint32_t stamp_read(const void *buf, uint64_t sector)
{
	static const uint64_t zeros[WORDS];
	uint64_t have[WORDS], want[WORDS];

	/* In a log it is anywhere. */
	memcpy(have, buf, SECTOR);
	if (!have[0])
		return memcmp(have, zeros, SECTOR) ? STAMP_BAD : 0;
	if (have[0] >= STAMP_BAD)
		return STAMP_BAD;
	stamp_one(want, have[0], sector);
	return memcmp(have, want, SECTOR) ? STAMP_BAD : have[0];
}
