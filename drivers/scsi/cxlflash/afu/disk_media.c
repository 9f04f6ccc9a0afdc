// SPDX-License-Identifier: GPL-2.0-only
/*
 * What touches the medium besides READ and WRITE, in a worker
 *
 * A range of blocks is walked in pieces that are contiguous in the store: a
 * virtual LUN's chunks are looked up piece by piece, as READ and WRITE do.  A
 * command whose context was reset, or whose LUN is revoked, stops at the next
 * piece.
 *
 * Functions that the walk calls return 0, an errno of the store, or -ECANCELED
 * with the status set.
 */
#include "cmd.h"
#include "disk.h"

/* At a time, between looks at whether the command is still wanted. */
#define MEDIA_PIECE		(4ULL << 20)
#define MEDIA_BUF		(64U << 10)

typedef int (*media_fn)(struct afu_cmd *cmd, u64 pos, u64 len, void *arg);

static int media_zero_piece(struct afu_cmd *cmd, u64 pos, u64 len, void *arg);
static int media_unmap_piece(struct afu_cmd *cmd, u64 pos, u64 len, void *arg);
static int media_verify_piece(struct afu_cmd *cmd, u64 pos, u64 len, void *arg);

/*
 * The blocks of one walk.  @off counts bytes from its beginning, for functions
 * that compare or copy; @zeros says that a piece reads as zero.
 */
struct media_walk {
	u64 off;
	u8 *buf;
	u32 buf_len;
	u8 *other;
	bool single;
	bool zeros;
};

/* Where the next bytes are; the status is set if it fails. */
static bool media_find(struct afu_cmd *cmd, u64 lba, u32 nr, u64 *pos, u64 *len,
		       bool *unwritten)
{
	unsigned int lg2 = cmd->lun->block_lg2;
	struct rht_xlate x;
	u32 contiguous = 0;
	u8 rc;

	cmd->pos = lba << lg2;
	*pos = cmd->pos;
	*len = (u64)nr << lg2;
	*unwritten = false;
	if (cmd->virt) {
		rcu_read_lock();
		rc = rht_lookup(cmd->ctx, cmd->arcb.res_hndl, &x);
		/* Closed and opened again since the command was checked. */
		if (!rc && (x.physical || x.lun != cmd->lun ||
			    x.slice != cmd->slice))
			rc = SISL_AFU_RC_RHT_PERM;
		if (!rc)
			rc = rht_translate(cmd->ctx, cmd->arcb.res_hndl, lba,
					   nr, pos, &contiguous, unwritten);
		rcu_read_unlock();
		if (rc) {
			cmd_set_afu_rc(cmd, rc);
			return false;
		}
		*len = (u64)contiguous << lg2;
	}
	*len = min(*len, MEDIA_PIECE);
	return !static_branch_unlikely(&afu_faults_key) ||
	       !fault_media(cmd, *pos, *len);
}

/*
 * What was never written reads as zero, so it needs neither clearing nor
 * unmapping; before anything else is done to it, it is made so.
 */
static int media_piece(struct afu_cmd *cmd, u64 lba, u64 pos, u64 len,
		       bool unwritten, media_fn fn, void *arg)
{
	struct media_walk *w = arg;
	int ret;

	if (likely(!unwritten))
		return fn(cmd, pos, len, arg);
	if (fn == media_zero_piece || fn == media_unmap_piece)
		return 0;
	if (fn == media_verify_piece) {
		w->zeros = true;
		ret = fn(cmd, pos, len, arg);
		w->zeros = false;
		return ret;
	}
	ret = slice_make_written(cmd->slice, lba >>
				 (ilog2(SISL_CHUNK_BYTES) -
				  cmd->lun->block_lg2));
	return ret ? ret : -EAGAIN;
}

/* false: the status is set. */
static bool media_for_each(struct afu_cmd *cmd, u64 lba, u32 nr, media_fn fn,
			   void *arg)
{
	unsigned int lg2 = cmd->lun->block_lg2;
	bool unwritten;
	u64 pos, len;
	int ret;

	for (; nr; lba += len >> lg2, nr -= len >> lg2) {
		if (cmd_is_dead(cmd))
			return false;
		if (READ_ONCE(cmd->lun->gone)) {
			disk_set_sense(cmd, CDB_SENSE_NO_LUN);
			return false;
		}
		if (!media_find(cmd, lba, nr, &pos, &len, &unwritten))
			return false;
		ret = media_piece(cmd, lba, pos, len, unwritten, fn, arg);
		if (ret == -EAGAIN) {
			/* Its chunk is written now: look again. */
			len = 0;
			continue;
		}
		if (ret == -ECANCELED)
			return false;
		if (ret) {
			cmd_set_store_error(cmd, ret);
			cmd->status.resid = cmd->arcb.data_len - cmd->moved;
			return false;
		}
		cond_resched();
	}
	return true;
}

/* One buffer, as large as can be had; NULL: the status is set. */
static u8 *media_alloc(struct afu_cmd *cmd, u32 *len)
{
	u8 *buf;

	*len = MEDIA_BUF;
	buf = kmalloc(*len, GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY);
	if (buf)
		return buf;
	*len = 1U << cmd->lun->block_lg2;
	buf = kmalloc(*len, GFP_NOIO | __GFP_NOWARN);
	if (!buf)
		cmd_set_afu_rc(cmd, SISL_AFU_RC_OUT_OF_DATA_BUFS);
	return buf;
}

/* ---------------------------------------------------------------- stores */

static void media_io_done(struct afu_io *io)
{
	struct afu_cmd *cmd = container_of(io, struct afu_cmd, io);

	complete(cmd->buf);
}

/* A request without data, by the command's own slot. */
static int media_submit(struct afu_cmd *cmd, enum afu_io_op op, u64 pos,
			u64 len)
{
	struct afu_store *st = cmd->lun->store;
	DECLARE_COMPLETION_ONSTACK(done);
	struct afu_io *io = &cmd->io;

	io->op = op;
	io->fua = false;
	io->pos = pos;
	io->len = len;
	io->bv = cmd->bv;
	io->nr_bv = 0;
	io->error = 0;
	io->done = media_io_done;
	io->store = st;
	cmd->buf = &done;
	st->ops->submit(st, io);
	wait_for_completion(&done);
	cmd->buf = NULL;
	return io->error;
}

static int media_zero_piece(struct afu_cmd *cmd, u64 pos, u64 len, void *arg)
{
	return store_zero_sync(cmd->lun->store, pos, len);
}

static int media_unmap_piece(struct afu_cmd *cmd, u64 pos, u64 len, void *arg)
{
	struct afu_store *st = cmd->lun->store;
	int ret = media_submit(cmd, AFU_IO_UNMAP, pos, len);

	/* Giving up blocks is a wish, what is read afterwards a promise. */
	if (ret == -EOPNOTSUPP)
		ret = st->flags & STORE_UNMAP_ZEROES ?
			store_zero_sync(st, pos, len) : 0;
	return ret;
}

/* Without a write cache, what was acknowledged is durable. */
static bool media_make_durable(struct afu_cmd *cmd)
{
	struct afu_store *st = cmd->lun->store;
	int ret = 0;

	if (!st->write_cache)
		ret = store_flush_sync(st);
	if (ret)
		cmd_set_store_error(cmd, ret);
	return !ret;
}

/**
 * media_flush() - SYNCHRONIZE CACHE
 * @cmd: command
 *
 * Always of the whole store.
 *
 * Context: a worker; may sleep; the command is the caller's, and no more
 * afterwards.
 */
void media_flush(struct afu_cmd *cmd)
{
	int ret = store_flush_sync(cmd->lun->store);

	if (ret)
		cmd_set_store_error(cmd, ret);
	else
		disk_set_transferred(cmd, 0);
	cmd_complete(cmd);
}

/* ------------------------------------------------------------ WRITE SAME */

static int media_same_piece(struct afu_cmd *cmd, u64 pos, u64 len, void *arg)
{
	struct media_walk *w = arg;
	int ret = 0;
	u32 now;

	for (; len && !ret; pos += now, len -= now) {
		now = min_t(u64, len, w->buf_len);
		ret = store_rw_sync(cmd->lun->store, AFU_IO_WRITE, pos, w->buf,
				    now, false);
	}
	return ret;
}

/* The block to repeat, as often as it fits; false: the status is set. */
static bool media_same_fetch(struct afu_cmd *cmd, struct media_walk *w)
{
	u32 block = 1U << cmd->lun->block_lg2, off;

	if (cmd->arcb.data_len < block) {
		disk_set_sense(cmd, CDB_SENSE_BAD_FIELD);
		return false;
	}
	w->buf = media_alloc(cmd, &w->buf_len);
	if (!w->buf)
		return false;
	if (cmd_copy_from_owner(cmd, 0, w->buf, block))
		return false;
	cmd->moved = block;
	for (off = block; off < w->buf_len; off += block)
		memcpy(w->buf + off, w->buf, block);
	return true;
}

/**
 * media_write_same() - WRITE SAME
 * @cmd: command
 * @req: its CDB
 *
 * Zeros are unmapped if that was allowed and reads as zero, or cleared by the
 * cheapest way; other patterns are written.
 *
 * Context: a worker; may sleep; the command is the caller's, and no more
 * afterwards.
 */
void media_write_same(struct afu_cmd *cmd, const struct cdb_req *req)
{
	const unsigned int flags = cmd->lun->store->flags;
	struct media_walk w = { };
	media_fn fn = media_zero_piece;

	if (req->nr_blocks > media_same_max(cmd->lun) ||
	    (req->flags & CDB_DO_UNMAP && !(flags & STORE_UNMAP))) {
		disk_set_sense(cmd, CDB_SENSE_BAD_FIELD);
		goto out_complete;
	}
	if (!(req->flags & CDB_NDOB)) {
		if (!media_same_fetch(cmd, &w))
			goto out_free_buf;
		if (memchr_inv(w.buf, 0, 1U << cmd->lun->block_lg2))
			fn = media_same_piece;
	}
	if (fn == media_zero_piece && req->flags & CDB_DO_UNMAP &&
	    flags & STORE_UNMAP_ZEROES)
		fn = media_unmap_piece;
	if (media_for_each(cmd, req->lba, req->nr_blocks, fn, &w) &&
	    media_make_durable(cmd))
		disk_set_transferred(cmd, cmd->moved);
out_free_buf:
	kfree(w.buf);
out_complete:
	cmd_complete(cmd);
}

/* ----------------------------------------------------------------- UNMAP */

#define MEDIA_UNMAP_HEADER	8
#define MEDIA_UNMAP_DESC	16

/* All descriptors are checked before the first is executed. */
static u32 media_check_unmap(const struct afu_cmd *cmd, const u8 *desc,
			     unsigned int nr, u64 limit)
{
	u64 lba, sum = 0;
	unsigned int i;
	u32 blocks;

	if (nr > DISK_UNMAP_DESCS)
		return CDB_SENSE_BAD_PARAM;
	for (i = 0; i < nr; i++, desc += MEDIA_UNMAP_DESC) {
		lba = get_unaligned_be64(desc);
		blocks = get_unaligned_be32(desc + 8);
		if (lba > limit || blocks > limit - lba)
			return CDB_SENSE_LBA_RANGE;
		sum += blocks;
	}
	return sum > media_unmap_max(cmd->lun) ? CDB_SENSE_BAD_PARAM : 0;
}

static void media_unmap_list(struct afu_cmd *cmd, const u8 *list, u32 len,
			     u64 limit)
{
	const u8 *desc = list + MEDIA_UNMAP_HEADER;
	unsigned int nr, i;
	u32 sense;

	/* A descriptor that is not there in full does not count. */
	nr = min_t(u32, get_unaligned_be16(list + 2),
		   len - MEDIA_UNMAP_HEADER) / MEDIA_UNMAP_DESC;
	sense = media_check_unmap(cmd, desc, nr, limit);
	if (sense) {
		disk_set_sense(cmd, sense);
		return;
	}
	for (i = 0; i < nr; i++, desc += MEDIA_UNMAP_DESC)
		if (!media_for_each(cmd, get_unaligned_be64(desc),
				    get_unaligned_be32(desc + 8),
				    media_unmap_piece, NULL))
			return;
	if (media_make_durable(cmd))
		disk_set_transferred(cmd, len);
}

/**
 * media_unmap() - UNMAP
 * @cmd: command; @left is the number of blocks that it may see
 * @req: its CDB
 *
 * Context: a worker; may sleep; the command is the caller's, and no more
 * afterwards.
 */
void media_unmap(struct afu_cmd *cmd, const struct cdb_req *req)
{
	u64 limit = cmd->left;
	u8 *list;

	if (!req->len) {
		disk_set_transferred(cmd, 0);
	} else if (req->len < MEDIA_UNMAP_HEADER) {
		disk_set_sense(cmd, CDB_SENSE_LIST_LENGTH);
	} else {
		list = disk_fetch(cmd, req->len);
		if (list)
			media_unmap_list(cmd, list, req->len, limit);
		kfree(list);
	}
	cmd_complete(cmd);
}

/* ---------------------------------------------------------------- VERIFY */

static int media_verify_piece(struct afu_cmd *cmd, u64 pos, u64 len, void *arg)
{
	u32 block = 1U << cmd->lun->block_lg2;
	struct media_walk *w = arg;
	u32 now;
	int ret;

	for (; len; pos += now, len -= now, w->off += now) {
		now = min_t(u64, len, w->single ? block : w->buf_len);
		ret = 0;
		if (w->zeros)
			memset(w->buf, 0, now);
		else
			ret = store_rw_sync(cmd->lun->store, AFU_IO_READ, pos,
					    w->buf, now, false);
		if (ret)
			return ret;
		if (!w->other)
			continue;
		if ((!w->single || !w->off) &&
		    cmd_copy_from_owner(cmd, w->off, w->other, now))
			return -ECANCELED;
		if (memcmp(w->buf, w->other, now)) {
			disk_set_sense(cmd, CDB_SENSE_MISCOMPARE);
			return -ECANCELED;
		}
	}
	return 0;
}

/**
 * media_verify() - VERIFY
 * @cmd: command
 * @req: its CDB: @mode 0 only reads; 1 compares all blocks, 3 each with one
 *
 * Context: a worker; may sleep; the command is the caller's, and no more
 * afterwards.
 */
void media_verify(struct afu_cmd *cmd, const struct cdb_req *req)
{
	unsigned int lg2 = cmd->lun->block_lg2;
	struct media_walk w = { .single = req->mode == 3 };
	u64 bytes = (u64)req->nr_blocks << lg2;
	u64 compared = 0;

	if (req->mode && bytes)
		compared = w.single ? 1U << lg2 : bytes;
	if (bytes > SISL_MAX_XFER || compared > cmd->arcb.data_len) {
		disk_set_sense(cmd, CDB_SENSE_BAD_FIELD);
		goto out_complete;
	}
	w.buf = media_alloc(cmd, &w.buf_len);
	if (!w.buf)
		goto out_complete;
	if (compared) {
		w.other = kmalloc(w.buf_len, GFP_NOIO | __GFP_NOWARN);
		if (!w.other) {
			cmd_set_afu_rc(cmd, SISL_AFU_RC_OUT_OF_DATA_BUFS);
			goto out_free_buf;
		}
	}
	if (media_for_each(cmd, req->lba, req->nr_blocks, media_verify_piece,
			   &w)) {
		cmd->moved = compared;
		disk_set_transferred(cmd, compared);
	}
	kfree(w.other);
out_free_buf:
	kfree(w.buf);
out_complete:
	cmd_complete(cmd);
}
