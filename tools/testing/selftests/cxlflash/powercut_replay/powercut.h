/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of powercut_replay share: the log of a record store, the
 * journal of a workload, contents that say what they are
 */
#ifndef POWERCUT_H
#define POWERCUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a power cut tears: a sector is there or it is not. */
#define SECTOR		512
#define SECTOR_SHIFT	9

void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
void *need(void *memory);

/* main.c: numbers that depend on the seed only */
struct rng {
	uint64_t state;
};

void rng_seed(struct rng *rng, uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t limit);

/* stamp.c: a sector of a version; version 0 is zeros */
#define STAMP_BAD	UINT32_MAX

void stamp_fill(void *buf, uint32_t version, uint64_t sector, uint64_t nr);
uint32_t stamp_read(const void *buf, uint64_t sector);

/* log.c: see drivers/scsi/cxlflash/afu/store_record.c */
enum record_what {
	RECORD_WRITE = 1,
	RECORD_FLUSH = 2,
	RECORD_ZERO = 3,
	RECORD_UNMAP = 4,
	RECORD_END = 5,
	RECORD_MARK = 6,
};

struct record {
	enum record_what what;
	bool durable;
	uint64_t pos;
	uint64_t len;
	const uint8_t *data;
};

struct log {
	uint64_t size;
	uint32_t block_size;
	size_t nr;
	struct record *rec;
};

void log_load(struct log *log, const char *path);
bool record_changes(const struct record *rec);

/*
 * A cut before record @at, which may be under way.  @forget: as if the store
 * had no idea of flushes and FUA.
 */
struct cut {
	size_t at;
	bool exact;
	bool forget;
	bool whole;
	unsigned int percent;
	/* Of images: what a write is torn into, and where it is not. */
	uint64_t unit;
	uint64_t kept;
	struct rng rng;
};

void cut_choose(struct cut *cut, size_t at, uint64_t seed, uint64_t sample);
bool cut_needs(const struct cut *cut, const struct record *rec);
bool cut_takes(struct cut *cut);

/* journal.c: an operation, between the marks of its beginning and its end */
struct op {
	char kind;
	unsigned int slot;
	uint64_t first;
	uint64_t nr;
};

struct journal {
	FILE *file;
	int record;
	uint32_t ids;
};

void journal_begin(struct journal *journal, const char *path,
		   const char *record);
uint32_t journal_op_begin(struct journal *journal, const struct op *op);
void journal_op_end(struct journal *journal, uint32_t id);
void journal_end(struct journal *journal);
uint32_t journal_load(const char *path, struct op **ops);

static inline uint32_t mark_op(const struct record *rec)
{
	return rec->pos >> 1;
}

static inline bool mark_is_end(const struct record *rec)
{
	return rec->pos & 1;
}

/* Operations on a disk: slot is not used, first and nr count sectors. */
#define RAW_WRITE	'w'
#define RAW_FUA		'f'
#define RAW_DSYNC	'd'
#define RAW_FLUSH	's'
#define RAW_ZERO	'z'
#define RAW_UNMAP	'u'

#define RAW_THREADS	4
#define RAW_SECTORS	512

/*
 * Operations on files: slot is the file, first and nr count its sectors.  Each
 * ends with what makes it last.
 */
#define FILE_CREATE	'c'
#define FILE_REPLACE	'r'
#define FILE_APPEND	'a'
#define FILE_OVERWRITE	'o'
#define FILE_UNLINK	'u'

#define FILE_THREADS	4
#define FILE_SLOTS	8
#define FILE_SECTORS	256

struct args {
	int nr;
	char **arg;
	bool forget;
};

const char *arg_text(const struct args *args, int i);
uint64_t arg_number(const struct args *args, int i);

int raw_work(const struct args *args);
int raw_replay(const struct args *args);
int file_work(const struct args *args);
int file_check(const struct args *args);
void file_path(char *path, size_t len, const char *dir, unsigned int slot,
	       const char *suffix);

#endif /* POWERCUT_H */
