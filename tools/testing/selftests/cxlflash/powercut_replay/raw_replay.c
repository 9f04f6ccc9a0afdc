// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cut at every record of what raw-work did, against a naive model
 *
 * Two things walk through the log side by side.  The disk is what the log's
 * writes and flushes make of it: for each sector the version that it has for
 * certain, and the writes that may be lost.  The model knows nothing of those,
 * but only the marks of the workload, which is what a user of the disk knows:
 * of each sector the versions that it may have.  Those are the last one that is
 * guaranteed, because it was flushed or was durable by itself, and all later
 * ones.  At each record the disk as it is, and some samples of it after a
 * loss, have to be what the model allows.
 *
 * Sectors are kept as versions: what a write brought is compared with the
 * content of its version once, and an image of the disk need not be built.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "powercut.h"

#define SECTORS		(RAW_THREADS * RAW_SECTORS)
#define SHOWN		8

/* A version that a sector may have; @ended: at which record, or 0. */
struct version {
	uint32_t op;
	uint32_t content;
	size_t ended;
};

struct sector {
	struct version *may;
	unsigned int nr, room;
};

struct replay {
	struct log log;
	struct op *ops;
	uint32_t last_op;
	bool write_cache;
	uint64_t seed;
	uint64_t samples;
	bool forget;
	/* The disk. */
	uint32_t **content;
	uint32_t safe[SECTORS];
	uint32_t now[SECTORS];
	uint32_t sample[SECTORS];
	size_t *lost;
	size_t nr_lost;
	/* The model. */
	struct sector sector[SECTORS];
	size_t *began;
	uint64_t checked;
	uint64_t bad;
};

/*
 * The model
 */

static void may_add(struct sector *s, uint32_t op, uint32_t content)
{
	if (s->nr == s->room) {
		s->room = 2 * s->room + 4;
		s->may = need(realloc(s->may, s->room * sizeof(*s->may)));
	}
	s->may[s->nr++] = (struct version){ op, content, 0 };
}

/* Version @i is guaranteed: no older one can come back. */
static void may_forget(struct sector *s, unsigned int i)
{
	s->nr -= i;
	memmove(s->may, s->may + i, s->nr * sizeof(*s->may));
}

static void model_begin(struct replay *r, uint32_t id, size_t at)
{
	const struct op *op = &r->ops[id];
	bool clears = op->kind == RAW_ZERO || op->kind == RAW_UNMAP;
	uint64_t i;

	r->began[id] = at;
	for (i = op->first; i < op->first + op->nr; i++)
		may_add(&r->sector[i], id, clears ? 0 : id);
}

/* All that had ended when the flush began. */
static void model_flushed(struct replay *r, size_t began)
{
	unsigned int i, j;

	for (i = 0; i < SECTORS; i++) {
		struct sector *s = &r->sector[i];

		for (j = s->nr; j--;) {
			if (s->may[j].ended && s->may[j].ended < began) {
				may_forget(s, j);
				break;
			}
		}
	}
}

static void model_end(struct replay *r, uint32_t id, size_t at)
{
	const struct op *op = &r->ops[id];
	bool durable = !r->write_cache || op->kind == RAW_FUA ||
		       op->kind == RAW_DSYNC;
	uint64_t i;
	unsigned int j;

	if (op->kind == RAW_FLUSH)
		model_flushed(r, r->began[id]);
	for (i = op->first; i < op->first + op->nr; i++) {
		struct sector *s = &r->sector[i];

		for (j = s->nr - 1; j && s->may[j].op != id; j--)
			;
		if (s->may[j].op != id)
			die("operation %u has not begun, but ended", id);
		s->may[j].ended = at;
		if (durable)
			may_forget(s, j);
	}
}

static bool model_allows(const struct sector *s, uint32_t content)
{
	unsigned int i;

	for (i = s->nr; i--;)
		if (s->may[i].content == content)
			return true;
	return false;
}

static void check(struct replay *r, const uint32_t *disk, size_t at,
		  const char *what)
{
	const struct sector *s = r->sector;
	unsigned int i;

	r->checked++;
	for (i = 0; i < SECTORS; i++, s++) {
		/* Most have their newest. */
		if (s->may[s->nr - 1].content == disk[i] ||
		    model_allows(s, disk[i]))
			continue;
		if (r->bad++ >= SHOWN)
			return;
		printf("# cut before record %zu, %s: sector %u is of %" PRId32
		       ", has to be of %u or later\n", at, what, i,
		       (int32_t)disk[i], s->may[0].op);
		return;
	}
}

/*
 * The disk
 */

static uint32_t *contents_of(const struct replay *r, size_t at)
{
	const struct record *rec = &r->log.rec[at];
	uint64_t first = rec->pos >> SECTOR_SHIFT, i;
	uint64_t nr = rec->len >> SECTOR_SHIFT;
	uint32_t *content;

	if (first + nr > SECTORS)
		die("record %zu is outside of what was written to", at);
	content = need(calloc(nr, sizeof(*content)));
	for (i = 0; i < nr && rec->what == RECORD_WRITE; i++) {
		content[i] = stamp_read(rec->data + i * SECTOR, first + i);
		if (content[i] > r->last_op)
			die("record %zu has a sector of nobody", at);
	}
	return content;
}

static void put(const struct replay *r, uint32_t *disk, size_t at)
{
	const struct record *rec = &r->log.rec[at];

	memcpy(disk + (rec->pos >> SECTOR_SHIFT), r->content[at],
	       (rec->len >> SECTOR_SHIFT) * sizeof(*disk));
}

static void put_some(struct replay *r, struct cut *cut, size_t at)
{
	const struct record *rec = &r->log.rec[at];
	uint32_t *disk = r->sample + (rec->pos >> SECTOR_SHIFT);
	uint64_t i;

	if (cut->whole) {
		if (cut_takes(cut))
			put(r, r->sample, at);
		return;
	}
	for (i = 0; i < rec->len >> SECTOR_SHIFT; i++)
		if (cut_takes(cut))
			disk[i] = r->content[at][i];
}

static void sample(struct replay *r, size_t at, uint64_t number)
{
	struct cut cut = { .forget = r->forget };
	char what[64];
	size_t i;

	cut_choose(&cut, at, r->seed, number);
	memcpy(r->sample, r->safe, sizeof(r->safe));
	for (i = 0; i < r->nr_lost; i++) {
		if (cut_needs(&cut, &r->log.rec[r->lost[i]]))
			put(r, r->sample, r->lost[i]);
		else
			put_some(r, &cut, r->lost[i]);
	}
	if (at < r->log.nr && record_changes(&r->log.rec[at]))
		put_some(r, &cut, at);
	snprintf(what, sizeof(what), "sample %ju: %u%% of %s",
		 (uintmax_t)number, cut.percent,
		 cut.whole ? "writes" : "sectors");
	check(r, r->sample, at, what);
}

static void step(struct replay *r, size_t at)
{
	const struct record *rec = &r->log.rec[at];

	if (rec->what == RECORD_MARK) {
		if (!mark_op(rec) || mark_op(rec) > r->last_op)
			die("record %zu marks no operation", at);
		if (mark_is_end(rec))
			model_end(r, mark_op(rec), at);
		else
			model_begin(r, mark_op(rec), at);
	} else if (rec->what == RECORD_FLUSH && !r->forget) {
		memcpy(r->safe, r->now, sizeof(r->now));
		r->nr_lost = 0;
	} else if (record_changes(rec)) {
		put(r, r->now, at);
		if (rec->durable && !r->nr_lost && !r->forget)
			put(r, r->safe, at);
		else
			r->lost[r->nr_lost++] = at;
	}
}

static void prepare(struct replay *r)
{
	size_t i;

	r->content = need(calloc(r->log.nr, sizeof(*r->content)));
	r->lost = need(calloc(r->log.nr, sizeof(*r->lost)));
	r->began = need(calloc(r->last_op + 1, sizeof(*r->began)));
	for (i = 0; i < SECTORS; i++)
		may_add(&r->sector[i], 0, 0);
	for (i = 0; i < r->log.nr; i++)
		if (record_changes(&r->log.rec[i]))
			r->content[i] = contents_of(r, i);
}

/* raw-replay LOG JOURNAL SAMPLES SEED CACHE [--forget] */
int raw_replay(const struct args *args)
{
	struct replay *r = need(calloc(1, sizeof(*r)));
	uint64_t i;
	size_t at;

	log_load(&r->log, arg_text(args, 0));
	r->last_op = journal_load(arg_text(args, 1), &r->ops);
	r->samples = arg_number(args, 2);
	r->seed = arg_number(args, 3);
	r->write_cache = arg_number(args, 4);
	r->forget = args->forget;
	prepare(r);
	for (at = 0; at <= r->log.nr; at++) {
		check(r, r->now, at, "with all before it");
		/* What was never flushed grows without a limit. */
		for (i = 0; i < r->samples && !(r->forget && at % 16); i++)
			sample(r, at, i);
		if (at < r->log.nr)
			step(r, at);
	}
	printf("# %zu records, %u operations: %ju disks looked at, %ju wrong\n",
	       r->log.nr, r->last_op, (uintmax_t)r->checked,
	       (uintmax_t)r->bad);
	return r->bad ? 1 : 0;
}
