// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are the files there that were guaranteed before a cut?
 *
 * What each file has to be follows from the operations that had ended.  One may
 * have begun and not ended: then the file may be as before, as after, or as
 * that operation allows in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "powercut.h"

#define FILES		(FILE_THREADS * FILE_SLOTS)

/* @len in sectors, 0: there is none; of each sector the version. */
struct file {
	unsigned int len;
	uint32_t version[FILE_SECTORS];
};

struct model {
	struct file file[FILES];
	/* What has begun, or 0. */
	uint32_t begun[FILES];
};

static void apply(struct file *file, const struct op *op, uint32_t id)
{
	uint64_t i;

	if (op->kind == FILE_UNLINK) {
		file->len = 0;
		return;
	}
	for (i = op->first; i < op->first + op->nr; i++)
		file->version[i] = id;
	if (op->kind != FILE_OVERWRITE)
		file->len = op->first + op->nr;
}

static void build(struct model *model, const struct log *log,
		  const struct op *ops, uint32_t last, size_t cut)
{
	const struct record *rec;
	uint32_t id;
	size_t i;

	for (i = 0; i < cut; i++) {
		rec = &log->rec[i];
		if (rec->what != RECORD_MARK)
			continue;
		id = mark_op(rec);
		if (!id || id > last || ops[id].slot >= FILES ||
		    ops[id].first + ops[id].nr > FILE_SECTORS)
			die("record %zu marks no operation", i);
		model->begun[ops[id].slot] = mark_is_end(rec) ? 0 : id;
		if (mark_is_end(rec))
			apply(&model->file[ops[id].slot], &ops[id], id);
	}
}

/* What is there.  Bytes after the last whole sector make one that is bad. */
static void look(struct file *file, const char *dir, unsigned int slot)
{
	static uint8_t buf[FILE_SECTORS << SECTOR_SHIFT];
	char path[PATH_MAX];
	struct stat st;
	unsigned int i;
	ssize_t len;
	int fd;

	memset(file, 0, sizeof(*file));
	file_path(path, sizeof(path), dir, slot, "");
	fd = open(path, O_RDONLY);
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || fstat(fd, &st))
		die("%s: %m", path);
	memset(buf, 0, sizeof(buf));
	len = read(fd, buf, sizeof(buf));
	if (len < 0)
		die("%s: %m", path);
	if (len != st.st_size)
		die("%s: read %zd of %jd bytes", path, len,
		    (intmax_t)st.st_size);
	close(fd);
	file->len = (len + SECTOR - 1) / SECTOR;
	for (i = 0; i < file->len; i++)
		file->version[i] = stamp_read(buf + i * SECTOR, i);
	if (len % SECTOR)
		file->version[file->len - 1] = STAMP_BAD;
}

static bool same(const struct file *a, const struct file *b)
{
	return a->len == b->len &&
	       !memcmp(a->version, b->version, a->len * sizeof(*a->version));
}

static bool between(const struct file *have, const struct file *old,
		    const struct file *new, const struct op *op)
{
	unsigned int i;

	switch (op->kind) {
	case FILE_CREATE:
		return true;
	case FILE_APPEND:
		return have->len >= old->len && have->len <= new->len &&
		       !memcmp(have->version, old->version,
			       old->len * sizeof(*old->version));
	case FILE_OVERWRITE:
		for (i = 0; i < old->len; i++)
			if (have->version[i] != old->version[i] &&
			    have->version[i] != new->version[i])
				return false;
		return have->len == old->len;
	default:
		return false;
	}
}

static bool file_is_right(const struct file *have, const struct file *old,
			  const struct op *ops, uint32_t begun)
{
	struct file new = *old;

	if (same(have, old))
		return true;
	if (!begun)
		return false;
	apply(&new, &ops[begun], begun);
	return same(have, &new) || between(have, old, &new, &ops[begun]);
}

static void complain(unsigned int slot, const struct file *have,
		     const struct file *old, uint32_t begun)
{
	unsigned int i;

	for (i = 0; i < have->len && i < old->len; i++)
		if (have->version[i] != old->version[i])
			break;
	printf("# file %u: %u sectors instead of %u", slot, have->len,
	       old->len);
	if (i < have->len && i < old->len)
		printf(", sector %u is of %d instead of %d", i,
		       (int)have->version[i], (int)old->version[i]);
	if (begun)
		printf(", operation %u had begun", begun);
	putchar('\n');
}

/* file-check DIRECTORY LOG JOURNAL CUT */
int file_check(const struct args *args)
{
	struct model *model = need(calloc(1, sizeof(*model)));
	unsigned int slot, bad = 0;
	struct file have;
	struct log log;
	struct op *ops;
	uint32_t last;
	size_t cut;

	log_load(&log, arg_text(args, 1));
	last = journal_load(arg_text(args, 2), &ops);
	cut = arg_number(args, 3);
	if (cut > log.nr)
		die("there is no record %zu", cut);
	build(model, &log, ops, last, cut);
	for (slot = 0; slot < FILES; slot++) {
		look(&have, arg_text(args, 0), slot);
		if (file_is_right(&have, &model->file[slot], ops,
				  model->begun[slot]))
			continue;
		complain(slot, &have, &model->file[slot], model->begun[slot]);
		bad++;
	}
	return bad ? 1 : 0;
}
