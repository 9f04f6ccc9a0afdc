// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chunk allocator under ASan and UBSan
 *
 * The same cases as KUnit's, many more rounds, and the mistakes of callers that
 * would spoil a kernel's log.  CXLFLASH_TEST_SEED chooses other seeds,
 * CXLFLASH_TEST_ROUNDS how many.
 */
#include "lun_afu.h"

#include "chunk.c"
#include "tests/chunk_cases.h"
#include "report.h"

bool lun_tryget_io(struct cxlflash_lun *lun)
{
	return true;
}

void lun_put_io(struct cxlflash_lun *lun)
{
}

int store_zero_sync(struct afu_store *st, u64 pos, u64 len)
{
	return 0;
}

int store_flush_sync(struct afu_store *st)
{
	return 0;
}

/* A second release must neither free the chunk twice nor go unnoticed. */
static const char *chunk_case_mistakes(void)
{
	struct chunk_map *map = chunk_map_create(3);
	const char *wrong = "";
	bool dirty;
	u32 chunk;

	nr_warnings = 0;
	chunk_alloc(map, &chunk, &dirty);
	chunk_put(map, chunk, false);
	chunk_put(map, chunk, false);
	if (nr_warnings != 1 || chunk_map_free(map) != 3)
		wrong = "double put";
	if (chunk_get(map, 1) != -EINVAL || nr_warnings != 2)
		wrong = "get of a free chunk";
	chunk_put(map, 3, false);
	if (chunk_get(map, ~0U) != -EINVAL || nr_warnings != 4)
		wrong = "chunks beyond the end";
	nr_warnings = 0;
	chunk_map_destroy(map);
	return wrong;
}

/* Millions of chunks: no allocation may look at all of them. */
static const char *chunk_case_large(void)
{
	struct chunk_map *map = chunk_map_create(1U << 22);
	const char *wrong = "";
	bool dirty;
	u32 i, chunk;

	for (i = 0; i < 1U << 22; i++)
		if (chunk_alloc(map, &chunk, &dirty) || chunk != i)
			wrong = "order";
	if (chunk_alloc(map, &chunk, &dirty) != -ENOSPC)
		wrong = "more than there are";
	chunk_put(map, 5, false);
	chunk_put(map, (1U << 22) - 1, false);
	if (chunk_alloc(map, &chunk, &dirty) || chunk != 5 ||
	    chunk_alloc(map, &chunk, &dirty) || chunk != (1U << 22) - 1)
		wrong = "holes";
	chunk_map_destroy(map);
	return wrong;
}

int main(void)
{
	report_plan(6);
	report_rounds("chunk map agrees with counters", chunk_case_random);
	report("chunk is shared by 255", chunk_case_shared(), 0);
	report("chunk map sizes are checked", chunk_case_sizes(), 0);
	report("chunk mistakes are noticed", chunk_case_mistakes(), 0);
	report("chunk map is large", chunk_case_large(), 0);
	report("chunk locks are held", nr_warnings ? "warnings" : "", 0);
	return report_end();
}
