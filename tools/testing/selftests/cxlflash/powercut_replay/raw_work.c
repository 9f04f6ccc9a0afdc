// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work for a disk without a file system: threads that write, clear and flush,
 * each in sectors of its own, past the page cache
 *
 * A write with FUA is sent as a SCSI command: the block layer's way, RWF_DSYNC,
 * flushes afterwards as well, and would hide that FUA was ignored.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <scsi/sg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "powercut.h"

#define MAX_BLOCKS	16

struct worker {
	pthread_t thread;
	struct journal *journal;
	const char *disk;
	uint64_t ops;
	uint64_t base;
	struct rng rng;
	int fd;
	unsigned int block;
	uint8_t *buf;
};

static void put_be(uint8_t *at, unsigned int bytes, uint64_t value)
{
	while (bytes--) {
		at[bytes] = value;
		value >>= 8;
	}
}

static int write_fua(const struct worker *w, uint64_t pos, uint64_t len)
{
	uint8_t cdb[16] = { 0x8a, 0x08 }, sense[32];
	struct sg_io_hdr hdr = {
		.interface_id = 'S',
		.dxfer_direction = SG_DXFER_TO_DEV,
		.cmd_len = sizeof(cdb),
		.mx_sb_len = sizeof(sense),
		.dxfer_len = len,
		.dxferp = w->buf,
		.cmdp = cdb,
		.sbp = sense,
		.timeout = 60000,
	};

	put_be(cdb + 2, 8, pos / w->block);
	put_be(cdb + 10, 4, len / w->block);
	if (ioctl(w->fd, SG_IO, &hdr))
		return -1;
	return hdr.status || hdr.host_status || hdr.driver_status ? -1 : 0;
}

static int do_op(const struct worker *w, const struct op *op)
{
	struct iovec iov = { w->buf, op->nr << SECTOR_SHIFT };
	uint64_t range[2] = {
		op->first << SECTOR_SHIFT, op->nr << SECTOR_SHIFT,
	};

	switch (op->kind) {
	case RAW_WRITE:
		return pwrite(w->fd, w->buf, range[1], range[0]) !=
		       (ssize_t)range[1];
	case RAW_DSYNC:
		return pwritev2(w->fd, &iov, 1, range[0], RWF_DSYNC) !=
		       (ssize_t)range[1];
	case RAW_FUA:
		return write_fua(w, range[0], range[1]);
	case RAW_ZERO:
		return ioctl(w->fd, BLKZEROOUT, range);
	case RAW_UNMAP:
		return ioctl(w->fd, BLKDISCARD, range);
	default:
		return fdatasync(w->fd);
	}
}

static void choose(struct worker *w, struct op *op)
{
	static const char kinds[] = { "wwwwwwwwwwfffdsszu" };
	unsigned int sectors = w->block >> SECTOR_SHIFT;
	uint64_t first, nr;

	*op = (struct op){ };
	op->kind = kinds[rng_below(&w->rng, sizeof(kinds) - 1)];
	if (op->kind == RAW_FLUSH)
		return;
	nr = 1 + rng_below(&w->rng, rng_below(&w->rng, 4) ? 3 : MAX_BLOCKS);
	first = rng_below(&w->rng, RAW_SECTORS / sectors - nr + 1);
	op->first = w->base + first * sectors;
	op->nr = nr * sectors;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct op op;
	uint32_t id;

	for (; w->ops; w->ops--) {
		choose(w, &op);
		id = journal_op_begin(w->journal, &op);
		if (op.kind == RAW_WRITE || op.kind == RAW_FUA ||
		    op.kind == RAW_DSYNC)
			stamp_fill(w->buf, id, op.first, op.nr);
		if (do_op(w, &op))
			die("%s: operation %u (%c): %m", w->disk, id, op.kind);
		journal_op_end(w->journal, id);
	}
	return NULL;
}

static void start(struct worker *w, unsigned int i, uint64_t seed)
{
	void *buf;

	w->base = i * RAW_SECTORS;
	rng_seed(&w->rng, seed, i);
	w->fd = open(w->disk, O_RDWR | O_DIRECT);
	if (w->fd < 0 || ioctl(w->fd, BLKSSZGET, &w->block))
		die("%s: %m", w->disk);
	if (w->block < SECTOR || w->block > 4096)
		die("%s has blocks of %u bytes", w->disk, w->block);
	if (posix_memalign(&buf, 4096, MAX_BLOCKS * w->block))
		die("out of memory");
	w->buf = buf;
	if (pthread_create(&w->thread, NULL, work, w))
		die("no thread");
}

/* raw-work DISK RECORD JOURNAL OPERATIONS SEED */
int raw_work(const struct args *args)
{
	struct worker workers[RAW_THREADS];
	struct journal journal;
	unsigned int i;

	journal_begin(&journal, arg_text(args, 2), arg_text(args, 1));
	for (i = 0; i < RAW_THREADS; i++) {
		workers[i] = (struct worker){
			.journal = &journal,
			.disk = arg_text(args, 0),
			.ops = arg_number(args, 3) / RAW_THREADS,
		};
		start(&workers[i], i, arg_number(args, 4));
	}
	for (i = 0; i < RAW_THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		close(workers[i].fd);
		free(workers[i].buf);
	}
	journal_end(&journal);
	return 0;
}
