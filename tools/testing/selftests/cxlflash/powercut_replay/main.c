// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power cuts: make work for a record store, and replay its log
 *
 * powercut.sh runs it.  Each command does one thing:
 *
 *   raw-work DISK RECORD JOURNAL OPERATIONS SEED
 *   raw-replay LOG JOURNAL SAMPLES SEED CACHE [--forget]
 *   file-work DIRECTORY RECORD JOURNAL OPERATIONS SEED
 *   file-check DIRECTORY LOG JOURNAL CUT
 *   cuts LOG COUNT SEED
 *	prints numbers of records, one a line
 *   image LOG FILE CUT|end SEED UNIT WHOLE [--forget]
 *	writes what the cut leaves
 *   count LOG flush|fua
 *	prints how many there are
 *
 * RECORD is the file in debugfs, LOG a copy of it, CACHE the LUN's write_cache,
 * and CUT the number of the record that the cut is before.  A write is torn
 * into UNIT bytes, but for WHOLE, if that is not 0: the KiB there stays in one
 * piece.  --forget replays as if the store ignored flushes and FUA: then the
 * checks have to fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "powercut.h"

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("# powercut_replay: ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	fflush(stdout);
	/* Other threads may be in the middle of anything. */
	_exit(2);
}

void *need(void *memory)
{
	if (!memory)
		die("out of memory");
	return memory;
}

void rng_seed(struct rng *rng, uint64_t seed, uint64_t stream)
{
	rng->state = seed + stream * 0x9e3779b97f4a7c15ULL;
}

/* SplitMix64. */
uint64_t rng_next(struct rng *rng)
{
	uint64_t x = rng->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

const char *arg_text(const struct args *args, int i)
{
	if (i >= args->nr)
		die("too few arguments");
	return args->arg[i];
}

uint64_t arg_number(const struct args *args, int i)
{
	const char *text = arg_text(args, i);
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end)
		die("'%s' is no number", text);
	return value;
}

/*
 * Images
 */

static void put(int fd, const struct record *rec, uint64_t off, uint64_t len)
{
	if (rec->what != RECORD_WRITE) {
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      rec->pos + off, len))
			die("image: %m");
		return;
	}
	if (pwrite(fd, rec->data + off, len, rec->pos + off) != (ssize_t)len)
		die("image: %m");
}

/* The sectors that the cut leaves of a record that need not be there. */
static void put_some(int fd, struct cut *cut, const struct record *rec)
{
	uint64_t off, len;

	if (cut->whole) {
		if (cut_takes(cut))
			put(fd, rec, 0, rec->len);
		return;
	}
	for (off = 0; off < rec->len; off += len) {
		len = cut->unit;
		if (cut->kept && rec->pos + off == cut->kept)
			len = 1024;
		if (len > rec->len - off)
			len = rec->len - off;
		if (cut_takes(cut))
			put(fd, rec, off, len);
	}
}

/* Everything before @return is covered by a flush. */
static size_t flushed(const struct log *log, const struct cut *cut)
{
	size_t i;

	for (i = cut->at; i; i--) {
		if (log->rec[i - 1].what == RECORD_FLUSH && !cut->forget)
			return i;
		/* What came before the first mark was not the workload. */
		if (log->rec[i - 1].what == RECORD_MARK && cut->forget &&
		    log->rec[i - 1].pos == 2)
			return i;
	}
	return 0;
}

static void image_write(const struct log *log, struct cut *cut, int fd)
{
	size_t i, safe = flushed(log, cut);

	for (i = 0; i < cut->at; i++) {
		const struct record *rec = &log->rec[i];

		if (!record_changes(rec))
			continue;
		if (i < safe || cut->exact || cut_needs(cut, rec))
			put(fd, rec, 0, rec->len);
		else
			put_some(fd, cut, rec);
	}
	if (!cut->exact && i < log->nr && record_changes(&log->rec[i]))
		put_some(fd, cut, &log->rec[i]);
}

static int image(const struct args *args)
{
	struct cut cut = { .forget = args->forget };
	struct log log;
	int fd;

	log_load(&log, arg_text(args, 0));
	if (!strcmp(arg_text(args, 2), "end")) {
		cut.exact = true;
		cut.at = log.nr;
	} else {
		cut_choose(&cut, arg_number(args, 2), arg_number(args, 3), 0);
		cut.unit = arg_number(args, 4);
		cut.kept = arg_number(args, 5);
		if (!cut.unit || cut.unit % SECTOR || cut.kept % SECTOR)
			die("a unit is a number of sectors");
	}
	if (cut.at > log.nr)
		die("there is no record %zu", cut.at);
	fd = open(arg_text(args, 1), O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, log.size))
		die("%s: %m", arg_text(args, 1));
	image_write(&log, &cut, fd);
	if (close(fd))
		die("image: %m");
	return 0;
}

/* Where to cut: anywhere in the workload, and at its very end. */
static int cuts(const struct args *args)
{
	uint64_t count = arg_number(args, 1), i;
	size_t first, at;
	struct log log;
	struct rng rng;

	log_load(&log, arg_text(args, 0));
	rng_seed(&rng, arg_number(args, 2), 1);
	for (first = 0; first < log.nr; first++)
		if (log.rec[first].what == RECORD_MARK)
			break;
	if (first == log.nr)
		die("there is no mark");
	/* One in each of as many parts. */
	for (i = 0; i + 1 < count; i++) {
		size_t from = first + (log.nr - first) * i / (count - 1);
		size_t to = first + (log.nr - first) * (i + 1) / (count - 1);

		at = to > from ? from + rng_below(&rng, to - from) : from;
		printf("%zu\n", at);
	}
	printf("%zu\n", log.nr);
	return 0;
}

static int count(const struct args *args)
{
	bool fua = !strcmp(arg_text(args, 1), "fua");
	size_t i, nr = 0;
	struct log log;

	log_load(&log, arg_text(args, 0));
	for (i = 0; i < log.nr; i++)
		nr += fua ? log.rec[i].what == RECORD_WRITE &&
			    log.rec[i].durable :
			    log.rec[i].what == RECORD_FLUSH;
	printf("%zu\n", nr);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct args *args);
} commands[] = {
	{ "raw-work", raw_work },
	{ "raw-replay", raw_replay },
	{ "file-work", file_work },
	{ "file-check", file_check },
	{ "image", image },
	{ "cuts", cuts },
	{ "count", count },
};

int main(int argc, char **argv)
{
	struct args args = { .nr = argc - 2, .arg = argv + 2 };
	unsigned int i;

	if (args.nr > 0 && !strcmp(args.arg[args.nr - 1], "--forget")) {
		args.forget = true;
		args.nr--;
	}
	for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(&args);
	die("no such command; its source says what there is");
}
