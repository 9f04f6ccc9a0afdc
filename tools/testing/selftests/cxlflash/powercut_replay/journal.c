// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a workload did: a line for each operation in a file elsewhere, and in
 * the log a mark before it begins and one when it has ended
 *
 * What has ended before a cut is guaranteed, what has only begun is not.  An
 * operation's number is the version of what it writes.
 */
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "powercut.h"

void journal_begin(struct journal *journal, const char *path,
		   const char *record)
{
	journal->ids = 0;
	journal->file = fopen(path, "w");
	if (!journal->file)
		die("%s: %m", path);
	journal->record = open(record, O_WRONLY);
	if (journal->record < 0)
		die("%s: %m", record);
}

static void mark(struct journal *journal, uint64_t value)
{
	value = htole64(value);
	if (write(journal->record, &value, sizeof(value)) != sizeof(value))
		die("mark: %m");
}

uint32_t journal_op_begin(struct journal *journal, const struct op *op)
{
	uint32_t id = __atomic_add_fetch(&journal->ids, 1, __ATOMIC_RELAXED);

	/* One call, one line, whatever other threads do. */
	fprintf(journal->file, "%" PRIu32 " %c %u %" PRIu64 " %" PRIu64 "\n",
		id, op->kind, op->slot, op->first, op->nr);
	mark(journal, (uint64_t)id << 1);
	return id;
}

void journal_op_end(struct journal *journal, uint32_t id)
{
	mark(journal, (uint64_t)id << 1 | 1);
}

void journal_end(struct journal *journal)
{
	if (fclose(journal->file))
		die("journal: %m");
	close(journal->record);
}

/* Operations by number, from 1; returns the last one's. */
uint32_t journal_load(const char *path, struct op **ops)
{
	uint32_t id, last = 0, room = 0, nr = 0;
	struct op op;
	FILE *file;

	*ops = NULL;
	file = fopen(path, "r");
	if (!file)
		die("%s: %m", path);
	while (fscanf(file, "%" SCNu32 " %c %u %" SCNu64 " %" SCNu64 "\n", &id,
		      &op.kind, &op.slot, &op.first, &op.nr) == 5) {
		if (!id || id > 1U << 24)
			die("%s: operation %u", path, id);
		if (id >= room) {
			room = 2 * id + 16;
			*ops = need(realloc(*ops, room * sizeof(op)));
		}
		(*ops)[id] = op;
		if (id > last)
			last = id;
		nr++;
	}
	if (!feof(file) || nr != last || !nr)
		die("%s: %u operations, the last is %u", path, nr, last);
	fclose(file);
	return last;
}
