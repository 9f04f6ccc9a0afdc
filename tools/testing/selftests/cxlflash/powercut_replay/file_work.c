// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work for a file system: threads that create, replace, append to, overwrite
 * and remove files, each its own, and make each step last
 *
 * A step ends with fsync() of the file, of the directory if it changed, or was
 * a write with O_DSYNC.  Beside them each thread has a file that it writes to
 * and never syncs, so that there is always something that may be lost.
 */
#include <fcntl.h>
#include <linux/limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "powercut.h"

/* What O_DIRECT wants, for any block size. */
#define ALIGN_SECTORS	8
#define NOISE_LEN	(1 << 20)

struct worker {
	pthread_t thread;
	struct journal *journal;
	const char *dir;
	uint64_t ops;
	struct rng rng;
	unsigned int number;
	uint8_t *buf;
	int dir_fd;
	int noise_fd;
	/* Sectors of each file; 0: there is none. */
	unsigned int len[FILE_SLOTS];
};

void file_path(char *path, size_t len, const char *dir, unsigned int slot,
	       const char *suffix)
{
	int need = snprintf(path, len, "%s/%u/%u%s", dir, slot / FILE_SLOTS,
			    slot % FILE_SLOTS, suffix);

	if (need < 0 || need >= len)
		die("the path is too long");
}

static unsigned int slot_of(const struct worker *w, unsigned int file)
{
	return w->number * FILE_SLOTS + file;
}

/* Makes a file of @op->nr sectors, of version @id, and leaves it synced. */
static int write_new(const struct worker *w, const struct op *op, uint32_t id,
		     const char *suffix)
{
	size_t len = op->nr << SECTOR_SHIFT;
	char path[PATH_MAX];
	int fd, ret;

	file_path(path, sizeof(path), w->dir, op->slot, suffix);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return -1;
	stamp_fill(w->buf, id, 0, op->nr);
	ret = pwrite(fd, w->buf, len, 0) != (ssize_t)len || fsync(fd);
	return close(fd) || ret;
}

static int replace(const struct worker *w, const struct op *op, uint32_t id)
{
	char old[PATH_MAX], new[PATH_MAX];

	file_path(old, sizeof(old), w->dir, op->slot, "-new");
	file_path(new, sizeof(new), w->dir, op->slot, "");
	return write_new(w, op, id, "-new") || rename(old, new);
}

/* Of a file that is there: @op->nr sectors from @op->first. */
static int write_part(const struct worker *w, const struct op *op, uint32_t id,
		      int flags)
{
	size_t len = op->nr << SECTOR_SHIFT;
	char path[PATH_MAX];
	int fd, ret;

	file_path(path, sizeof(path), w->dir, op->slot, "");
	fd = open(path, O_WRONLY | flags);
	if (fd < 0)
		return -1;
	stamp_fill(w->buf, id, op->first, op->nr);
	ret = pwrite(fd, w->buf, len, op->first << SECTOR_SHIFT) !=
	      (ssize_t)len || (!(flags & O_DSYNC) && fdatasync(fd));
	return close(fd) || ret;
}

static int do_op(const struct worker *w, const struct op *op, uint32_t id)
{
	char path[PATH_MAX];

	switch (op->kind) {
	case FILE_CREATE:
		return write_new(w, op, id, "") || fsync(w->dir_fd);
	case FILE_REPLACE:
		return replace(w, op, id) || fsync(w->dir_fd);
	case FILE_APPEND:
		return write_part(w, op, id, 0);
	case FILE_OVERWRITE:
		return write_part(w, op, id, O_DSYNC | O_DIRECT);
	default:
		file_path(path, sizeof(path), w->dir, op->slot, "");
		return unlink(path) || fsync(w->dir_fd);
	}
}

/* A file that is there, of @len sectors. */
static void choose_change(struct worker *w, struct op *op, unsigned int len)
{
	static const char kinds[] = { "rraaaooou" };
	unsigned int blocks = len / ALIGN_SECTORS;

	op->kind = kinds[rng_below(&w->rng, sizeof(kinds) - 1)];
	if (op->kind == FILE_APPEND && len < FILE_SECTORS) {
		op->first = len;
		op->nr = 1 + rng_below(&w->rng, FILE_SECTORS - len);
	} else if (op->kind == FILE_OVERWRITE && blocks) {
		op->first = rng_below(&w->rng, blocks);
		op->nr = 1 + rng_below(&w->rng, blocks - op->first);
		op->first *= ALIGN_SECTORS;
		op->nr *= ALIGN_SECTORS;
	} else if (op->kind != FILE_UNLINK) {
		op->kind = FILE_REPLACE;
		op->nr = 1 + rng_below(&w->rng, FILE_SECTORS);
	}
}

static void choose(struct worker *w, struct op *op)
{
	unsigned int file = rng_below(&w->rng, FILE_SLOTS);
	unsigned int *len = &w->len[file];

	*op = (struct op){ .slot = slot_of(w, file) };
	if (*len) {
		choose_change(w, op, *len);
	} else {
		op->kind = rng_below(&w->rng, 2) ? FILE_CREATE : FILE_REPLACE;
		op->nr = 1 + rng_below(&w->rng, FILE_SECTORS);
	}
	if (op->kind == FILE_UNLINK)
		*len = 0;
	else if (op->kind != FILE_OVERWRITE)
		*len = op->first + op->nr;
}

/* Some of it on its way to the disk by itself. */
static void make_noise(struct worker *w)
{
	uint64_t pos = rng_below(&w->rng, NOISE_LEN);
	uint64_t len = 1 + rng_below(&w->rng, 16384);

	if (pwrite(w->noise_fd, w->buf, len, pos) != (ssize_t)len ||
	    (rng_below(&w->rng, 2) &&
	     sync_file_range(w->noise_fd, 0, 0, SYNC_FILE_RANGE_WRITE)))
		die("noise: %m");
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct op op;
	uint32_t id;

	for (; w->ops; w->ops--) {
		make_noise(w);
		choose(w, &op);
		id = journal_op_begin(w->journal, &op);
		if (do_op(w, &op, id))
			die("operation %u (%c) on file %u: %m", id, op.kind,
			    op.slot);
		journal_op_end(w->journal, id);
	}
	return NULL;
}

static void prepare(struct worker *w, unsigned int i, uint64_t seed)
{
	char path[PATH_MAX];
	void *buf;

	w->number = i;
	rng_seed(&w->rng, seed, i);
	if (posix_memalign(&buf, 4096, FILE_SECTORS << SECTOR_SHIFT))
		die("out of memory");
	w->buf = memset(buf, 0x5a, FILE_SECTORS << SECTOR_SHIFT);
	snprintf(path, sizeof(path), "%s/%u", w->dir, i);
	if (mkdir(path, 0700))
		die("%s: %m", path);
	w->dir_fd = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof(path), "%s/%u/noise", w->dir, i);
	w->noise_fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (w->dir_fd < 0 || w->noise_fd < 0)
		die("%s: %m", path);
}

/* file-work DIRECTORY RECORD JOURNAL OPERATIONS SEED */
int file_work(const struct args *args)
{
	struct worker workers[FILE_THREADS];
	struct journal journal;
	unsigned int i;

	for (i = 0; i < FILE_THREADS; i++) {
		workers[i] = (struct worker){
			.journal = &journal,
			.dir = arg_text(args, 0),
			.ops = arg_number(args, 3) / FILE_THREADS,
		};
		prepare(&workers[i], i, arg_number(args, 4));
	}
	/* From the first mark on, all that is older is there. */
	sync();
	journal_begin(&journal, arg_text(args, 2), arg_text(args, 1));
	for (i = 0; i < FILE_THREADS; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			die("no thread");
	for (i = 0; i < FILE_THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		close(workers[i].dir_fd);
		close(workers[i].noise_fd);
		free(workers[i].buf);
	}
	journal_end(&journal);
	return 0;
}
