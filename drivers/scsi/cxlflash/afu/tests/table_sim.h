/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk with a volatile cache, for the slice table, which can lose its power
 *
 * It keeps the begin of both copies of the table byte by byte, and of every
 * chunk one number: who wrote to it last, 0 for zeroes.  Everything that is
 * done to it goes into a log.  A power cut during entry n of the log leaves
 * what was durable before, and of the rest any 512-byte sectors.
 */
#ifndef CXLFLASH_TABLE_SIM_H
#define CXLFLASH_TABLE_SIM_H

#define SIM_AREA	(1U << 20)
#define SIM_CHUNKS	24
#define SIM_LOG		4096

struct sim_image {
	u8 *bytes;		/* 2 * SIM_AREA */
	u32 used[2];		/* no byte beyond is set */
	u32 tag[SIM_CHUNKS];
};

enum sim_kind {
	SIM_WRITE,
	SIM_FUA,
	SIM_TAG,
	SIM_FLUSH,
};

struct sim_entry {
	enum sim_kind kind;
	u32 at;			/* in bytes; or chunk */
	u32 len;		/* or tag */
	u8 *data;
};

static struct sim {
	struct sim_image now;	/* with the cache */
	struct sim_image base;	/* durable when the log was begun */
	struct sim_image cut;
	struct sim_image *io;	/* that I/O goes to: now or cut */
	struct sim_entry *log;
	u32 nr_log;
	u32 fail_at;		/* I/O that fails, 0: none */
	u32 fail_nr;		/* how many do */
	u32 nr_io;
	bool frozen;
	bool wrong_access;
	struct afu_store st;
} sim;

static u32 sim_rand(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* ------------------------------------------------------------- images */

static void sim_apply(struct sim_image *im, u32 at, const u8 *data, u32 len)
{
	u32 copy = at / SIM_AREA;

	memcpy(im->bytes + at, data, len);
	im->used[copy] = max(im->used[copy], at % SIM_AREA + len);
}

static void sim_copy_image(struct sim_image *to, const struct sim_image *from)
{
	u32 copy, used;

	for (copy = 0; copy < 2; copy++) {
		used = max(to->used[copy], from->used[copy]);
		memcpy(to->bytes + copy * SIM_AREA,
		       from->bytes + copy * SIM_AREA, used);
		to->used[copy] = from->used[copy];
	}
	memcpy(to->tag, from->tag, sizeof(to->tag));
}

static void sim_apply_entry(struct sim_image *im, const struct sim_entry *e)
{
	if (e->kind == SIM_TAG)
		im->tag[e->at] = e->len;
	else if (e->kind != SIM_FLUSH)
		sim_apply(im, e->at, e->data, e->len);
}

/* Some of it: mode 0 nothing, 1 all, else any sectors. */
static void sim_apply_torn(struct sim_image *im, const struct sim_entry *e,
			   u32 mode, u32 *seed)
{
	u32 off;

	if (!mode || e->kind == SIM_FLUSH)
		return;
	if (mode == 1) {
		sim_apply_entry(im, e);
		return;
	}
	if (e->kind == SIM_TAG) {
		if (sim_rand(seed) % 2)
			sim_apply_entry(im, e);
		return;
	}
	for (off = 0; off < e->len; off += 512)
		if (sim_rand(seed) % 2)
			sim_apply(im, e->at + off, e->data + off, 512);
}

/* The power goes during entry @during, or when all of it is done. */
static void sim_power_cut(u32 during, u32 mode, u32 *seed)
{
	u32 i, flushed = 0;

	sim_copy_image(&sim.cut, &sim.base);
	for (i = 0; i < during; i++)
		if (sim.log[i].kind == SIM_FLUSH)
			flushed = i;
	for (i = 0; i < during; i++) {
		if (i < flushed || sim.log[i].kind == SIM_FUA)
			sim_apply_entry(&sim.cut, &sim.log[i]);
		else
			sim_apply_torn(&sim.cut, &sim.log[i], mode, seed);
	}
	if (during < sim.nr_log)
		sim_apply_torn(&sim.cut, &sim.log[during], mode, seed);
}

/* ---------------------------------------------------------------- log */

static void sim_forget_log(void)
{
	while (sim.nr_log)
		kfree(sim.log[--sim.nr_log].data);
}

/* All that was done is durable: the next log begins here. */
static void sim_settle(void)
{
	u32 i;

	for (i = 0; i < sim.nr_log; i++)
		sim_apply_entry(&sim.base, &sim.log[i]);
	sim_forget_log();
}

static void sim_log(enum sim_kind kind, u32 at, const void *data, u32 len)
{
	struct sim_entry *e = &sim.log[sim.nr_log];

	/* What happens after a cut is not cut again. */
	if (sim.io != &sim.now)
		return;
	if (sim.nr_log == SIM_LOG) {
		sim.wrong_access = true;
		return;
	}
	*e = (struct sim_entry){ .kind = kind, .at = at, .len = len };
	if (data) {
		e->data = kmalloc(len, GFP_KERNEL);
		if (!e->data) {
			sim.wrong_access = true;
			return;
		}
		memcpy(e->data, data, len);
	}
	sim.nr_log++;
}

/* Who has a slice writes to its chunk. */
static void sim_write_chunk(u32 chunk, u32 tag)
{
	sim.io->tag[chunk] = tag;
	sim_log(SIM_TAG, chunk, NULL, tag);
}

static bool sim_fails(void)
{
	sim.nr_io++;
	return sim.fail_at && sim.nr_io >= sim.fail_at &&
	       sim.nr_io < sim.fail_at + sim.fail_nr;
}

/* -------------------------------- what the table needs of store and LUN */

int store_rw_sync(struct afu_store *st, enum afu_io_op op, u64 pos, void *buf,
		  u64 len, bool fua)
{
	u64 off = pos % TABLE_COPY_BYTES;
	u32 at = pos / TABLE_COPY_BYTES * SIM_AREA + off;

	if (pos >= 2 * TABLE_COPY_BYTES || off % 512 || len % 512 ||
	    off + len > SIM_AREA) {
		sim.wrong_access = true;
		return -EIO;
	}
	if (sim_fails()) {
		/* The disk may have got it all the same. */
		if (op == AFU_IO_WRITE)
			sim_log(SIM_WRITE, at, buf, len);
		return -EIO;
	}
	if (op == AFU_IO_READ) {
		memcpy(buf, sim.io->bytes + at, len);
		return 0;
	}
	sim_apply(sim.io, at, buf, len);
	sim_log(fua ? SIM_FUA : SIM_WRITE, at, buf, len);
	return 0;
}

int store_flush_sync(struct afu_store *st)
{
	if (sim_fails())
		return -EIO;
	sim_log(SIM_FLUSH, 0, NULL, 0);
	return 0;
}

int store_zero_sync(struct afu_store *st, u64 pos, u64 len)
{
	u64 chunk = pos / SISL_CHUNK_BYTES;

	if (pos % SISL_CHUNK_BYTES || len != SISL_CHUNK_BYTES || !chunk ||
	    chunk >= SIM_CHUNKS) {
		sim.wrong_access = true;
		return -EIO;
	}
	if (sim_fails())
		return -EIO;
	sim_write_chunk(chunk, 0);
	return 0;
}

bool lun_tryget_io(struct cxlflash_lun *lun)
{
	return true;
}

void lun_put_io(struct cxlflash_lun *lun)
{
}

int lun_op_begin(struct cxlflash_lun *lun)
{
	return 0;
}

void lun_op_end(struct cxlflash_lun *lun)
{
}

void lun_op_assert_held(struct cxlflash_lun *lun)
{
}

bool lun_store_writable(struct cxlflash_lun *lun)
{
	return true;
}

void lun_adopt_wwid(struct cxlflash_lun *lun, const u8 *wwid)
{
}

bool lun_freeze(struct cxlflash_lun *lun)
{
	sim.frozen = true;
	return true;
}

void lun_thaw(struct cxlflash_lun *lun)
{
	sim.frozen = false;
}

/* --------------------------------------------------------------- life */

static void sim_stop(void)
{
	sim_forget_log();
	kvfree(sim.log);
	kvfree(sim.cut.bytes);
	kvfree(sim.base.bytes);
	kvfree(sim.now.bytes);
}

static bool sim_start(bool fast_zero)
{
	memset(&sim, 0, sizeof(sim));
	sim.st.size = SIM_CHUNKS * SISL_CHUNK_BYTES;
	sim.st.flags = fast_zero ? STORE_FAST_ZERO : 0;
	sim.io = &sim.now;
	sim.now.bytes = kvzalloc(2 * SIM_AREA, GFP_KERNEL);
	sim.base.bytes = kvzalloc(2 * SIM_AREA, GFP_KERNEL);
	sim.cut.bytes = kvzalloc(2 * SIM_AREA, GFP_KERNEL);
	sim.log = kvcalloc(SIM_LOG, sizeof(*sim.log), GFP_KERNEL);
	if (!sim.now.bytes || !sim.base.bytes || !sim.cut.bytes || !sim.log) {
		sim_stop();
		return false;
	}
	/* Somebody else's data, everywhere. */
	memset(sim.now.tag, 0xff, sizeof(sim.now.tag));
	memset(sim.base.tag, 0xff, sizeof(sim.base.tag));
	return true;
}

static void sim_lun_init(struct cxlflash_lun *lun)
{
	memset(lun, 0, sizeof(*lun));
	mutex_init(&lun->lock);
	lun->store = &sim.st;
	lun->block_lg2 = 12;
	lun->secret = true;
	memset(lun->wwid, 0x66, sizeof(lun->wwid));
}

#endif /* CXLFLASH_TABLE_SIM_H */
