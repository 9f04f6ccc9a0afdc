// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log of a record store, and what a power cut leaves of it
 *
 * A cut is before a record.  What the last flush before it covers is there.  Of
 * what came later, a write that was durable by itself is there, and of any
 * other each sector is there or not; so it is with the record that the power
 * failed in, durable or not, as nobody was told that it was done.  They are
 * applied in the order of the log, so that no write is undone by an older one.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "powercut.h"

#define ENTRY		32
#define DURABLE		1

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static const uint8_t *log_map(const char *path, size_t *len)
{
	struct stat st;
	void *base;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		die("%s: %m", path);
	*len = st.st_size;
	if (*len < ENTRY)
		die("%s: not a log", path);
	base = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		die("%s: %m", path);
	close(fd);
	return base;
}

/* Takes the record at @at; returns how long it is. */
static size_t log_take(struct log *log, const uint8_t *at, size_t left)
{
	struct record *rec = &log->rec[log->nr];
	size_t len = ENTRY;

	if (left < len)
		die("log ends within record %zu", log->nr);
	*rec = (struct record){
		.what = get32(at),
		.durable = get32(at + 4) & DURABLE,
		.pos = get64(at + 8),
		.len = get64(at + 16),
		.data = at + ENTRY,
	};
	if (get64(at + 24) != log->nr)
		die("record %zu has number %ju", log->nr,
		    (uintmax_t)get64(at + 24));
	if (rec->what < RECORD_WRITE || rec->what > RECORD_MARK)
		die("record %zu is of kind %u", log->nr, rec->what);
	if (rec->what == RECORD_END)
		die("the log was too small: less work, please");
	if (record_changes(rec) &&
	    (rec->len > log->size || rec->pos > log->size - rec->len ||
	     (rec->pos | rec->len) % SECTOR))
		die("record %zu is beyond the end or no sectors", log->nr);
	if (rec->what == RECORD_WRITE)
		len += rec->len;
	if (left < len)
		die("log ends within record %zu", log->nr);
	log->nr++;
	return len;
}

void log_load(struct log *log, const char *path)
{
	const uint8_t *base;
	size_t len, at, room = 0;

	base = log_map(path, &len);
	if (memcmp(base, "CXLFREC1", 8))
		die("%s: not a log", path);
	*log = (struct log){
		.size = get64(base + 8),
		.block_size = get32(base + 16),
	};
	for (at = ENTRY; at < len;) {
		if (log->nr == room) {
			room = room ? 2 * room : 1024;
			log->rec = need(realloc(log->rec,
						room * sizeof(*log->rec)));
		}
		at += log_take(log, base + at, len - at);
	}
}

bool record_changes(const struct record *rec)
{
	return rec->what == RECORD_WRITE || rec->what == RECORD_ZERO ||
	       rec->what == RECORD_UNMAP;
}

/* What kind of loss it is: of all, of little, of whole writes, of sectors. */
void cut_choose(struct cut *cut, size_t at, uint64_t seed, uint64_t sample)
{
	static const unsigned int percents[] = { 0, 10, 50, 50, 90, 100 };

	cut->at = at;
	rng_seed(&cut->rng, seed, (uint64_t)at << 16 | sample);
	cut->percent = percents[rng_below(&cut->rng, 6)];
	cut->whole = rng_below(&cut->rng, 3) == 0;
	/* That something has to be found is a promise. */
	if (cut->forget)
		cut->percent = 50;
}

/* Must a record be there that no flush covers? */
bool cut_needs(const struct cut *cut, const struct record *rec)
{
	return rec->durable && !cut->forget;
}

bool cut_takes(struct cut *cut)
{
	return rng_below(&cut->rng, 100) < cut->percent;
}
