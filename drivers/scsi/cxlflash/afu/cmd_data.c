// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data of commands: between the owner's memory and the store
 *
 * The data lie at one address or in the pieces of a scatter list, whose
 * elements are each read once, when they are needed; the blocks lie at one
 * place of the store or, for virtual LUNs, in chunks.  A transfer goes on piece
 * by piece:
 *
 * - to stores that are memory by copying, at most CMD_COPY_BYTES in a turn of
 *   the context, then the command waits for the next turn;
 * - to others by handing the owner's pages to the store, as much as fits in the
 *   slot's vectors; the next piece is submitted by a worker.  Commands that the
 *   flat path finds side by side in the store go as one request;
 * - to others from memory that no store takes as it is (not aligned to sectors)
 *   through pages of our own, in a worker: the *bounce* path.
 *
 * Locals: off, in the data; pos, in the store; ea, in the owner's memory.
 */
#include <linux/highmem.h>

#include "cmd.h"
#include "slice.h"

/* Memory whose addresses and lengths are multiples goes to stores as it is. */
#define CMD_ALIGN		512

/* ------------------------------------------------------------ READ, WRITE */

/* The data cannot be found: by a worker, or not at all. */
static void cmd_data_miss(struct afu_cmd *cmd, int error)
{
	if (error == -EINVAL) {
		cmd_set_bad_list(cmd);
		cmd_complete(cmd);
		return;
	}
	cmd_miss(cmd, error, cmd_transfer);
}

static void cmd_account(struct afu_cmd *cmd, u64 bytes)
{
	cmd->pos += bytes;
	cmd->moved += bytes;
	cmd->left -= bytes;
}

static void cmd_charge_bytes(struct afu_cmd *cmd, u64 bytes)
{
	struct cxlflash_ctx *ctx = cmd->ctx;

	ctx->deficit -= bytes;
	if (cmd->write)
		ctx_count(ctx, write_bytes, bytes);
	else
		ctx_count(ctx, read_bytes, bytes);
}

static void cmd_data_error(struct afu_cmd *cmd, int error)
{
	cmd_set_store_error(cmd, error);
	cmd->status.resid = cmd->arcb.data_len - cmd->moved;
	cmd_complete(cmd);
}

static void cmd_transfer_work(struct afu_cmd *cmd);

/* A worker: the chunk of a slice is written to for the first time. */
static void cmd_make_written(struct afu_cmd *cmd)
{
	int ret = slice_make_written(cmd->slice,
				     cmd->pos >> ilog2(SISL_CHUNK_BYTES));

	if (ret)
		cmd_data_error(cmd, ret);
	else
		cmd_transfer_work(cmd);
}

/*
 * Where the next bytes are in the store, and how many of *@len are there in one
 * piece; if @unwritten, they are zeros wherever that is.  false: nowhere, or
 * not yet, and the command is the caller's no more.
 */
static bool cmd_find_pos(struct afu_cmd *cmd, u64 *pos, u64 *len,
			 bool *unwritten)
{
	unsigned int lg2 = cmd->lun->block_lg2;
	u64 off = cmd->pos & ((1U << lg2) - 1);
	u32 contiguous = 0;
	u8 rc;

	*pos = cmd->pos;
	*unwritten = false;
	if (unlikely(cmd->virt)) {
		rcu_read_lock();
		rc = rht_translate(cmd->ctx, cmd->arcb.res_hndl,
				   cmd->pos >> lg2,
				   (off + *len + (1U << lg2) - 1) >> lg2, pos,
				   &contiguous, unwritten);
		rcu_read_unlock();
		if (rc) {
			cmd_set_afu_rc(cmd, rc);
			cmd_complete(cmd);
			return false;
		}
		*pos += off;
		*len = min(*len, ((u64)contiguous << lg2) - off);
	}
	if (unlikely(*unwritten) && cmd->write) {
		/* Others may wait for the same chunk. */
		cmd_defer_wait(cmd, cmd_make_written);
		return false;
	}
	if (static_branch_unlikely(&afu_faults_key) &&
	    fault_media(cmd, *pos, *len)) {
		cmd_complete(cmd);
		return false;
	}
	return true;
}

/*
 * Between a store that is memory and @kva.  One without data leaves what it is
 * to read where it is: that may be somebody else's (store_null.c).
 */
static int cmd_store_copy(struct afu_cmd *cmd, u64 pos, void *kva, u64 len)
{
	struct afu_store *st = cmd->lun->store;

	if (unlikely(cmd->ctx->clear_dataless) && !cmd->write &&
	    st->flags & STORE_DATALESS)
		memset(kva, 0, len);
	return st->ops->copy(st, pos, kva, len, cmd->write);
}

/*
 * The usual case, in one go: all of it in one piece on either side.  false: it
 * is not, and nothing has been done.
 */
static bool cmd_copy_at_once(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u64 len = cmd->left, ea = cmd->arcb.data_ea + cmd->moved;
	void *kva;
	int ret;

	if (static_branch_unlikely(&afu_faults_key) || cmd->virt ||
	    cmd->arcb.ioadl_len || len > CMD_COPY_BYTES)
		return false;
	kva = ctx_kva_cached(ctx, &ctx->win.data, ea, &len, !cmd->write);
	if (IS_ERR(kva) || len < cmd->left)
		return false;
	ret = cmd_store_copy(cmd, cmd->pos, kva, len);
	if (unlikely(ret == -ENOMEM))
		return false;
	if (unlikely(ret)) {
		cmd_data_error(cmd, ret);
		return true;
	}
	if (!cmd->write)
		ctx_dirtied(ctx, ea, len);
	cmd_charge_bytes(cmd, len);
	cmd_account(cmd, len);
	cmd_complete(cmd);
	return true;
}

static void cmd_transfer_pages(struct afu_cmd *cmd);

/*
 * Copy as much of @len bytes as is in one piece on the owner's side: how much;
 * 0: not all of it is through, and the command is the caller's no more.
 */
static u64 cmd_copy_piece(struct afu_cmd *cmd, u64 pos, u64 len, bool zeros)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	int ret = 0;
	void *kva;
	u64 ea;

	ret = cmd_find_data(cmd, cmd->moved, &ea, &len);
	if (unlikely(ret)) {
		cmd_data_miss(cmd, ret);
		return 0;
	}
	kva = ctx_kva(ctx, &ctx->win.data, ea, &len, !cmd->write);
	if (IS_ERR(kva)) {
		cmd_set_miss(cmd, ea, len, !cmd->write, true);
		cmd_data_miss(cmd, PTR_ERR(kva));
		return 0;
	}
	if (unlikely(zeros))
		memset(kva, 0, len);
	else
		ret = cmd_store_copy(cmd, pos, kva, len);
	if (unlikely(ret)) {
		if (ret == -ENOMEM)
			/* ->submit() waits for memory. */
			cmd_transfer_pages(cmd);
		else
			cmd_data_error(cmd, ret);
		return 0;
	}
	if (!cmd->write)
		ctx_dirtied(ctx, ea, len);
	return len;
}

/* A store that is memory, or what was never written, piece by piece. */
static void cmd_transfer_copy(struct afu_cmd *cmd, struct afu_store *st)
{
	u64 budget = CMD_COPY_BYTES;
	u64 pos, len;
	bool zeros;

	while (cmd->left) {
		if (unlikely(!budget)) {
			cmd->charged = true;
			cmd_park(cmd, cmd_transfer, true);
			return;
		}
		len = min(cmd->left, budget);
		if (unlikely(!cmd_find_pos(cmd, &pos, &len, &zeros)))
			return;
		if (unlikely(!zeros && !(st->flags & STORE_MEMORY))) {
			cmd_transfer_pages(cmd);
			return;
		}
		len = cmd_copy_piece(cmd, pos, len, zeros);
		if (unlikely(!len))
			return;
		cmd->tries = 0;
		budget -= len;
		cmd_charge_bytes(cmd, len);
		cmd_account(cmd, len);
	}
	cmd_complete(cmd);
}

/**
 * cmd_put_pages() - give back what a store was given
 * @cmd: command that has any
 *
 * Context: Any, also hard irq.
 */
void cmd_put_pages(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	unsigned int i;

	if (cmd->bounced) {
		for (i = 0; i < cmd->nr_pages_bv; i++)
			__free_page(cmd->bv[i].bv_page);
		cmd->bounced = false;
	} else {
		ctx->ops->put_pages(ctx, cmd->bv, cmd->nr_pages_bv,
				    !cmd->write);
	}
	cmd->nr_pages_bv = 0;
}

static void cmd_bounce_back(struct afu_cmd *cmd);

static void cmd_transfer_work(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;

	ctx_lock_busy(ctx);
	WRITE_ONCE(cmd->state, CMD_ACTIVE);
	cmd_transfer(cmd);
	ctx_unlock_busy(ctx);
}

/* A piece is where it belongs. */
static void cmd_piece_done(struct afu_cmd *cmd, u64 len)
{
	/* With a scatter list it would have gone by copying. */
	if (!cmd->write && !cmd->arcb.ioadl_len)
		ctx_dirtied(cmd->ctx, cmd->arcb.data_ea + cmd->moved, len);
	cmd_put_pages(cmd);
	cmd_account(cmd, len);
	if (likely(!cmd->left))
		cmd_complete(cmd);
	else
		cmd_defer(cmd, cmd_transfer_work);
}

/* The store is through with a piece. */
static void cmd_io_done(struct afu_io *io)
{
	struct afu_cmd *cmd = container_of(io, struct afu_cmd, io);

	if (unlikely(io->error)) {
		/* A part of it may have been stored. */
		if (!cmd->write && !cmd->bounced && !cmd->arcb.ioadl_len)
			ctx_dirtied(cmd->ctx, cmd->arcb.data_ea + cmd->moved,
				    io->len);
		cmd_data_error(cmd, io->error);
		return;
	}
	if (unlikely(cmd->bounced) && !cmd->write) {
		cmd_defer(cmd, cmd_bounce_back);
		return;
	}
	cmd_piece_done(cmd, io->len);
}

static void cmd_submit_now(struct afu_cmd *cmd)
{
	struct afu_store *st = cmd->lun->store;

	WRITE_ONCE(cmd->state, CMD_STORE);
	st->ops->submit(st, &cmd->io);
}

/* The vectors of @cmd, @len bytes, from or to @pos. */
static void cmd_fill_io(struct afu_cmd *cmd, u64 pos, u64 len)
{
	struct afu_io *io = &cmd->io;

	io->op = cmd->write ? AFU_IO_WRITE : AFU_IO_READ;
	io->fua = cmd->fua;
	io->pos = pos;
	io->len = len;
	io->bv = cmd->bv;
	io->nr_bv = cmd->nr_pages_bv;
	io->error = 0;
	io->done = cmd_io_done;
	io->store = cmd->lun->store;
}

/* ------------------------------------------------------------------ many */

/* A worker: one of many again, as the error may be another's. */
static void cmd_submit_alone(struct afu_cmd *cmd)
{
	if (cmd_is_dead(cmd)) {
		cmd_complete(cmd);
		return;
	}
	cmd_fill_io(cmd, cmd->io.pos, cmd->left);
	cmd_submit_now(cmd);
}

/* The store is through with a request that was several commands'. */
static void cmd_io_done_many(struct afu_io *io)
{
	struct afu_cmd *cmd = container_of(io, struct afu_cmd, io), *next;
	int error = io->error;

	for (; cmd; cmd = next) {
		next = cmd->merged;
		if (unlikely(error))
			cmd_defer(cmd, cmd_submit_alone);
		else
			cmd_piece_done(cmd, cmd->left);
	}
}

/* ---------------------------------------------------------------- bounce */

static int cmd_alloc_bounce(struct afu_cmd *cmd, u64 len, bool zeros)
{
	gfp_t gfp = GFP_NOIO | __GFP_NOWARN | (zeros ? __GFP_ZERO : 0);
	unsigned int nr = DIV_ROUND_UP(len, PAGE_SIZE), i;
	struct page *page;

	cmd->bounced = true;
	for (i = 0; i < nr; i++) {
		page = alloc_page(gfp);
		if (!page)
			return -ENOMEM;
		bvec_set_page(&cmd->bv[i], page, min_t(u64, len, PAGE_SIZE), 0);
		cmd->nr_pages_bv = i + 1;
		len -= cmd->bv[i].bv_len;
	}
	return 0;
}

/* Between our pages and the owner's memory. */
static int cmd_copy_bounce(struct afu_cmd *cmd)
{
	u64 off = cmd->moved;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < cmd->nr_pages_bv && !ret; i++) {
		ret = cmd_copy(cmd, off, page_address(cmd->bv[i].bv_page),
			       cmd->bv[i].bv_len, !cmd->write);
		off += cmd->bv[i].bv_len;
	}
	return ret;
}

/* A worker: a piece of a read is in our pages. */
static void cmd_bounce_back(struct afu_cmd *cmd)
{
	if (cmd_copy_bounce(cmd)) {
		cmd_complete(cmd);
		return;
	}
	cmd_put_pages(cmd);
	cmd_account(cmd, cmd->io.len);
	if (!cmd->left)
		cmd_complete(cmd);
	else
		cmd_transfer_work(cmd);
}

/**
 * cmd_bounce() - move the next piece through pages of our own
 * @cmd: command
 *
 * Context: a worker, without CTX_BUSY; the command is the caller's, and no more
 * afterwards.
 */
void cmd_bounce(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u64 len = min_t(u64, cmd->left, AFU_CMD_BVECS * PAGE_SIZE);
	bool found = false, zeros = false;
	u64 pos;
	int ret;

	ctx_lock_busy(ctx);
	if (cmd_is_dead(cmd))
		cmd_complete(cmd);
	else
		found = cmd_find_pos(cmd, &pos, &len, &zeros);
	if (found)
		cmd_charge_bytes(cmd, len);
	ctx_unlock_busy(ctx);
	if (!found)
		return;
	ret = cmd_alloc_bounce(cmd, len, zeros);
	if (ret) {
		cmd_data_error(cmd, ret);
		return;
	}
	if (zeros) {
		cmd->io.len = len;
		cmd_bounce_back(cmd);
		return;
	}
	if (cmd->write && cmd_copy_bounce(cmd)) {
		cmd_complete(cmd);
		return;
	}
	cmd_fill_io(cmd, pos, len);
	cmd_submit_now(cmd);
}

/* ------------------------------------------------------ pages to a store */

static unsigned int cmd_count_bvecs(const struct bio_vec *bv, u32 bytes)
{
	unsigned int nr;

	for (nr = 0; bytes; nr++)
		bytes -= min(bytes, bv[nr].bv_len);
	return nr;
}

/*
 * Reference the pages of up to @len bytes.  A range of n whole pages touches at
 * most n + 1, so what is asked for at a time always fits.
 *
 * Return: bytes; an errno as cmd_find_data()'s; 0: not as a store wants it.
 */
static s64 cmd_get_pages(struct afu_cmd *cmd, u64 len)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u64 ea, now, got = 0;
	unsigned int nr;
	int ret = 0;

	while (got < len && cmd->nr_pages_bv < AFU_CMD_BVECS - 1) {
		nr = AFU_CMD_BVECS - cmd->nr_pages_bv;
		now = min(len - got, (nr - 1) * PAGE_SIZE);
		ret = cmd_find_data(cmd, cmd->moved + got, &ea, &now);
		if (ret)
			break;
		if ((ea | now) & (CMD_ALIGN - 1))
			return 0;
		cmd_set_miss(cmd, ea, now, !cmd->write, true);
		ret = ctx->ops->get_pages(ctx, ea, now, !cmd->write,
					  cmd->bv + cmd->nr_pages_bv, nr);
		if (ret <= 0)
			break;
		cmd->nr_pages_bv += cmd_count_bvecs(cmd->bv + cmd->nr_pages_bv,
						    ret);
		got += ret;
	}
	return got ? got : ret;
}

static void cmd_submit(struct afu_cmd *cmd)
{
	if (cmd->lun->store->ops->submit_sleeps)
		cmd_defer(cmd, cmd_submit_now);
	else
		cmd_submit_now(cmd);
}

/**
 * cmd_take_pages() - reference the pages of data that are in one piece
 * @cmd: command with its snapshot, and without scatter list
 * @write: from the owner
 *
 * Context: atomic, under CTX_BUSY.
 * Return: false: not at hand, or not as a store wants them, and none are taken.
 */
bool cmd_take_pages(struct afu_cmd *cmd, bool write)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u64 ea = cmd->arcb.data_ea;
	u32 len = cmd->arcb.data_len;
	int got;

	if (unlikely((ea | len) & (CMD_ALIGN - 1)))
		return false;
	got = ctx->ops->get_pages(ctx, ea, len, !write, cmd->bv, AFU_CMD_BVECS);
	if (unlikely(got <= 0))
		return false;
	cmd->nr_pages_bv = cmd_count_bvecs(cmd->bv, got);
	if (likely(got == len))
		return true;
	cmd->write = write;
	cmd_put_pages(cmd);
	cmd->write = false;
	return false;
}

/**
 * cmd_submit_taken() - hand pages to the store
 * @cmd: command that has taken its pages; @io.pos is set
 *
 * Context: atomic, or may sleep if the store does; under CTX_BUSY; the command
 * is the caller's, and no more afterwards.
 */
void cmd_submit_taken(struct afu_cmd *cmd)
{
	cmd_charge_bytes(cmd, cmd->left);
	cmd_fill_io(cmd, cmd->io.pos, cmd->left);
	cmd_submit(cmd);
}

/**
 * cmd_submit_many() - hand the pages of several commands to the store at once
 * @cmd: commands as for cmd_submit_taken(), of one LUN and direction, each
 *	where the one before ends, with at most AFU_CMD_BVECS vectors in all
 * @nr: how many
 *
 * Their vectors become one request, which is the first command's.  The pages
 * stay each command's own.  If the request fails each is submitted again by
 * itself, which tells whose error it is; repeating a transfer is harmless.
 *
 * Context: as for cmd_submit_taken().
 */
void cmd_submit_many(struct afu_cmd **cmd, unsigned int nr)
{
	struct afu_cmd *first = cmd[0];
	unsigned int nr_bv = 0, i;
	u64 len = 0;

	for (i = 0; i < nr; i++) {
		cmd_charge_bytes(cmd[i], cmd[i]->left);
		if (i) {
			memcpy(first->bv + nr_bv, cmd[i]->bv,
			       cmd[i]->nr_pages_bv * sizeof(*first->bv));
			WRITE_ONCE(cmd[i]->state, CMD_STORE);
		}
		nr_bv += cmd[i]->nr_pages_bv;
		len += cmd[i]->left;
		cmd[i]->merged = i + 1 < nr ? cmd[i + 1] : NULL;
	}
	cmd_fill_io(first, first->io.pos, len);
	first->io.nr_bv = nr_bv;
	first->io.done = cmd_io_done_many;
	cmd_submit(first);
}

/* A store that is not memory. */
static void cmd_transfer_pages(struct afu_cmd *cmd)
{
	u64 pos, len = cmd->left;
	bool zeros;
	s64 got;

	if (unlikely(!cmd_find_pos(cmd, &pos, &len, &zeros)))
		return;
	if (unlikely(zeros)) {
		cmd_transfer_copy(cmd, cmd->lun->store);
		return;
	}
	/* Copies are logged piece by piece. */
	if (unlikely(READ_ONCE(cmd->ctx->dirty_log)) && !cmd->write &&
	    cmd->arcb.ioadl_len) {
		cmd_defer(cmd, cmd_bounce);
		return;
	}
	got = cmd_get_pages(cmd, len);
	if (unlikely(got < 0)) {
		cmd_data_miss(cmd, got);
		return;
	}
	/* No whole blocks: vectors or memory ran out at a bad place. */
	if (unlikely(!got || (got & ((1U << cmd->lun->block_lg2) - 1)))) {
		if (cmd->nr_pages_bv)
			cmd_put_pages(cmd);
		cmd_defer(cmd, cmd_bounce);
		return;
	}
	cmd->tries = 0;
	cmd_charge_bytes(cmd, got);
	cmd_fill_io(cmd, pos, got);
	cmd_submit(cmd);
}

/**
 * cmd_transfer() - move the data of a READ or WRITE
 * @cmd: command; @lun, @pos (in bytes, of the LUN or, with @virt, of the
 *	handle), @left, @write, @fua are set, and what becomes of residuals
 *
 * Completes the command, now or later.
 *
 * Context: atomic, under CTX_BUSY; the command is the caller's, and no more
 * afterwards.
 */
void cmd_transfer(struct afu_cmd *cmd)
{
	struct afu_store *st = cmd->lun->store;

	if (unlikely(cmd->left > SISL_MAX_XFER)) {
		/* ILLEGAL REQUEST, invalid field in CDB */
		cmd_set_sense(cmd, 0x05, 0x24, 0x00);
		cmd_complete(cmd);
	} else if (unlikely(cmd_is_dead(cmd))) {
		cmd_complete(cmd);
	} else if (likely(st->flags & STORE_MEMORY)) {
		if (unlikely(!cmd_copy_at_once(cmd)))
			cmd_transfer_copy(cmd, st);
	} else if (unlikely(!cmd->left)) {
		cmd_complete(cmd);
	} else {
		cmd_transfer_pages(cmd);
	}
}
