/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a slice holds as far as its user can know, and I/O that checks it
 *
 * Looked at are the blocks of some *areas*, which lie all over the slice, some
 * of them across the border of two chunks.  Every write has a generation, which
 * is in each of its blocks together with the slice's number and the address.
 * A block holds the generation that was acknowledged or read last, or one of
 * those that were submitted since and never acknowledged: *maybe* they were
 * written.  Once a read has seen which it is, it must not change any more.
 *
 * A model may be in memory that processes share: what it knows is recorded
 * before a write is submitted, so a user that is killed leaves it true.
 */
#ifndef SLICE_MODEL_H
#define SLICE_MODEL_H

#include "slice_client.h"

#define MODEL_CHUNK	65536U		/* blocks of 256 MiB */
#define MODEL_AREAS	64U		/* of a slice of four chunks */
#define MODEL_BLOCKS	16U		/* of an area */
#define MODEL_STRIDE	4096U		/* from one area to the next */
#define MODEL_BEFORE	8U		/* that much before the border */
#define MODEL_MAYBE	3

/**
 * struct model_block - what a block holds
 * @gen: generation that it was known to hold; 0: zeros
 * @maybe: those that it may hold instead; 0: none
 */
struct model_block {
	uint32_t gen;
	uint32_t maybe[MODEL_MAYBE];
};

/**
 * struct model - what a slice holds
 * @id: number of the slice, not 0
 * @gen: last generation
 * @block: of each area
 */
struct model {
	uint32_t id;
	uint32_t gen;
	struct model_block block[MODEL_AREAS][MODEL_BLOCKS];
};

static inline uint64_t model_lba(unsigned int area, unsigned int i)
{
	return (area ? area * MODEL_STRIDE - MODEL_BEFORE : 0) + i;
}

static inline uint64_t model_word(uint64_t first, uint64_t lba, unsigned int i)
{
	return (first * 0x9e3779b97f4a7c15ULL ^ lba * 0xc2b2ae3d27d4eb4fULL) +
	       i * 0x165667b19e3779f9ULL;
}

static inline void model_fill_block(const struct model *m, uint64_t *w,
				    uint64_t lba, uint32_t gen)
{
	unsigned int i;

	w[0] = (uint64_t)m->id << 32 | gen;
	w[1] = lba;
	for (i = 2; i < CLIENT_BLOCK / 8; i++)
		w[i] = model_word(w[0], lba, i);
}

/* The generation that a block in memory has; -1: it is none of ours. */
static inline int64_t model_gen_of(const struct model *m, const uint64_t *w,
				   uint64_t lba)
{
	bool zero = !w[0] && !w[1];
	unsigned int i;

	if (!zero && (w[0] >> 32 != m->id || w[1] != lba))
		return -1;
	for (i = 2; i < CLIENT_BLOCK / 8; i++)
		if (w[i] != (zero ? 0 : model_word(w[0], lba, i)))
			return -1;
	return w[0] & 0xffffffff;
}

static inline int model_find_maybe(const struct model_block *b, uint32_t gen)
{
	int i;

	for (i = 0; i < MODEL_MAYBE; i++)
		if (b->maybe[i] == gen)
			return i;
	return -1;
}

/* It is known now.  In this order: the model may be another's any moment. */
static inline void model_settle(struct model_block *b, uint32_t gen)
{
	__atomic_store_n(&b->gen, gen, __ATOMIC_RELEASE);
	memset(b->maybe, 0, sizeof(b->maybe));
}

/*
 * Blocks will be written: their generation; 0: too much is unknown of one of
 * them, which has to be read first.
 */
static inline uint32_t model_writing(struct model *m, unsigned int area,
				     unsigned int off, unsigned int n)
{
	struct model_block *b = m->block[area];
	uint32_t gen = m->gen + 1;
	unsigned int i;

	for (i = off; i < off + n; i++)
		if (model_find_maybe(&b[i], 0) < 0)
			return 0;
	m->gen = gen;
	for (i = off; i < off + n; i++)
		b[i].maybe[model_find_maybe(&b[i], 0)] = gen;
	return gen;
}

/* That was acknowledged: nothing that is older comes any more. */
static inline void model_wrote(struct model *m, unsigned int area,
			       unsigned int off, unsigned int n, uint32_t gen)
{
	unsigned int i;

	for (i = off; i < off + n; i++)
		model_settle(&m->block[area][i], gen);
}

/* That was refused before anything was written. */
static inline void model_refused(struct model *m, unsigned int area,
				 unsigned int off, unsigned int n, uint32_t gen)
{
	struct model_block *b = m->block[area];
	unsigned int i;
	int at;

	for (i = off; i < off + n; i++) {
		at = model_find_maybe(&b[i], gen);
		if (at >= 0)
			b[i].maybe[at] = 0;
	}
}

/* Blocks from @lba on read as zero. */
static inline void model_zero(struct model *m, uint64_t lba)
{
	unsigned int area, i;

	for (area = 0; area < MODEL_AREAS; area++)
		for (i = 0; i < MODEL_BLOCKS; i++)
			if (model_lba(area, i) >= lba)
				model_settle(&m->block[area][i], 0);
}

/* Blocks were read: the first one that is wrong, or -1. */
static inline int model_read(struct model *m, unsigned int area,
			     unsigned int off, unsigned int n,
			     const uint8_t *data)
{
	struct model_block *b = m->block[area];
	unsigned int i;
	int64_t gen;

	for (i = 0; i < n; i++) {
		gen = model_gen_of(m, (void *)(data + i * CLIENT_BLOCK),
				   model_lba(area, off + i));
		if (gen < 0 || (gen != b[off + i].gen &&
				(!gen || model_find_maybe(&b[off + i], gen) <
				 0)))
			return i;
		model_settle(&b[off + i], gen);
	}
	return -1;
}

/* --- I/O */

#define DISK_OPS	12
#define DISK_BYTES	(MODEL_BLOCKS * CLIENT_BLOCK)

/**
 * struct disk_op - a command
 * @busy: it is under way
 * @dropped: a reset came before it completed
 * @write: what it does
 * @area: where
 * @off: first block of the area
 * @n: blocks
 * @q: queue
 * @slot: of the queue
 * @gen: that it writes
 * @since: when it was submitted
 * @asa: its status, once it is not busy any more
 */
struct disk_op {
	bool busy;
	bool dropped;
	bool write;
	unsigned int area;
	unsigned int off;
	unsigned int n;
	unsigned int q;
	unsigned int slot;
	uint32_t gen;
	uint64_t since;
	struct cx_asa asa;
};

/**
 * struct disk - an open slice and what it holds
 * @c: the slice
 * @m: what it holds
 * @op: commands; number @i has its data at disk_data()
 * @bad: what a read has found wrong; empty: nothing
 */
struct disk {
	struct client c;
	struct model *m;
	struct disk_op op[DISK_OPS];
	char bad[200];
};

static inline uint8_t *disk_data(struct disk *d, unsigned int i)
{
	return d->c.mem + CLIENT_DATA + i * DISK_BYTES;
}

static inline uint32_t disk_status(const struct disk_op *op)
{
	return ST(op->asa.flags, op->asa.afu_rc, op->asa.scsi_rc,
		  op->asa.fc_rc);
}

/* key<<16 | asc<<8 | ascq */
static inline uint32_t disk_sense(const struct disk_op *op)
{
	return op->asa.sense[2] << 16 | op->asa.sense[12] << 8 |
	       op->asa.sense[13];
}

/* Submit number @i; false: this cannot be written now, see model_writing(). */
static inline bool disk_submit(struct disk *d, unsigned int i, unsigned int q,
			       bool write, unsigned int area, unsigned int off,
			       unsigned int n)
{
	uint64_t ea = CLIENT_IOVA + CLIENT_DATA + i * DISK_BYTES;
	struct disk_op *op = &d->op[i];
	uint8_t *data = disk_data(d, i);
	struct cx_arcb arcb;
	unsigned int b;

	*op = (struct disk_op){ .write = write, .area = area, .off = off,
				.n = n, .q = q };
	if (write) {
		op->gen = model_writing(d->m, area, off, n);
		if (!op->gen)
			return false;
	}
	for (b = 0; write && b < n; b++)
		model_fill_block(d->m, (void *)(data + b * CLIENT_BLOCK),
				 model_lba(area, off + b), op->gen);
	if (!write)
		memset(data, 0xa5, n * CLIENT_BLOCK);
	client_arcb_rw(&arcb, write, model_lba(area, off), n, ea);
	op->since = vfio_now_ms();
	op->busy = true;
	op->slot = client_submit(&d->c, q, &arcb);
	return true;
}

static inline void disk_complain(struct disk *d, const struct disk_op *op,
				 unsigned int i, const uint64_t *w)
{
	const struct model_block *b = &d->m->block[op->area][op->off + i];
	uint64_t lba = model_lba(op->area, op->off + i);

	if (d->bad[0])
		return;
	snprintf(d->bad, sizeof(d->bad),
		 "slice %u, block %llu: %u or %u, %u, %u; is %lld: %llx %llx",
		 d->m->id, (unsigned long long)lba, b->gen, b->maybe[0],
		 b->maybe[1], b->maybe[2],
		 (long long)model_gen_of(d->m, w, lba),
		 (unsigned long long)w[0], (unsigned long long)w[1]);
}

/* Take what has completed: is number @i through? */
static inline bool disk_done(struct disk *d, unsigned int i)
{
	struct disk_op *op = &d->op[i];
	int bad;

	if (!op->busy)
		return true;
	client_reap(&d->c, op->q);
	if (!d->c.q[op->q].done[op->slot])
		return false;
	op->busy = false;
	memcpy(&op->asa, client_asa(&d->c, op->q, op->slot), 32);
	if (disk_status(op))
		return true;
	if (op->write) {
		model_wrote(d->m, op->area, op->off, op->n, op->gen);
		return true;
	}
	bad = model_read(d->m, op->area, op->off, op->n, disk_data(d, i));
	if (bad >= 0)
		disk_complain(d, op, bad, (void *)(disk_data(d, i) +
						   bad * CLIENT_BLOCK));
	return true;
}

/* A reset: what has not completed by now never will. */
static inline void disk_drop(struct disk *d)
{
	unsigned int i;

	for (i = 0; i < DISK_OPS; i++) {
		if (disk_done(d, i))
			continue;
		d->op[i].busy = false;
		d->op[i].dropped = true;
	}
}

/* Number @i has not been executed and will not be. */
static inline void disk_refused(struct disk *d, unsigned int i)
{
	struct disk_op *op = &d->op[i];

	if (op->write)
		model_refused(d->m, op->area, op->off, op->n, op->gen);
}

static inline unsigned int disk_busy(struct disk *d)
{
	unsigned int i, busy = 0;

	for (i = 0; i < DISK_OPS; i++)
		busy += !disk_done(d, i);
	return busy;
}

static inline void disk_start_queues(struct disk *d)
{
	unsigned int q;

	for (q = 0; q < d->c.nr_queues; q++)
		client_queue_start(&d->c, q);
}

/* Function level reset, by configuration space. */
static inline void disk_flr(struct disk *d)
{
	uint32_t exp = client_cap(&d->c, PCI_CAP_ID_EXP);

	client_cfg_put(&d->c, exp + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	disk_drop(d);
	client_command(&d->c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

#endif /* SLICE_MODEL_H */
