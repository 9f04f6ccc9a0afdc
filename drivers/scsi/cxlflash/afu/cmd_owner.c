// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner's memory, as commands see it
 *
 * Data lie at one address or in the pieces of a scatter list, whose elements
 * are each read once, when they are needed.  What is not at hand is resolved or
 * copied by the owner, in a worker.
 *
 * Locals: off, in the data; ea, in the owner's memory.
 */
#include "cmd.h"

/* What a worker copies with CTX_BUSY taken. */
#define CMD_WORKER_BYTES	(64U << 10)

static int cmd_access(struct afu_cmd *cmd, struct cxlflash_window *cache,
		      u64 ea, void *buf, u32 len, bool write)
{
	u64 now;
	void *kva;

	for (; len; len -= now, ea += now, buf += now) {
		now = len;
		kva = ctx_kva(cmd->ctx, cache, ea, &now, write);
		if (IS_ERR(kva)) {
			cmd->miss.ea = ea;
			cmd->miss.len = len;
			return PTR_ERR(kva);
		}
		if (write)
			memcpy(kva, buf, now);
		else
			memcpy(buf, kva, now);
		if (write)
			ctx_dirtied(cmd->ctx, ea, now);
	}
	return 0;
}

/**
 * cmd_read_owner() - read from wherever the pieces are
 * @cmd: command; on errors @miss.ea, @miss.len say what is missing
 * @cache: window that is looked at first
 * @ea: address
 * @buf: filled, in parts even if it fails
 * @len: bytes
 *
 * Context: atomic, under CTX_BUSY.
 * Return: 0, -EAGAIN or -EFAULT.
 */
int cmd_read_owner(struct afu_cmd *cmd, struct cxlflash_window *cache, u64 ea,
		   void *buf, u32 len)
{
	return cmd_access(cmd, cache, ea, buf, len, false);
}

/**
 * cmd_write_owner() - write to wherever the pieces are
 * @cmd: command; on errors @miss.ea, @miss.len say what is missing
 * @cache: window that is looked at first
 * @ea: address
 * @buf: what
 * @len: bytes
 *
 * Context: atomic, under CTX_BUSY.
 * Return: 0, -EAGAIN or -EFAULT.
 */
int cmd_write_owner(struct afu_cmd *cmd, struct cxlflash_window *cache, u64 ea,
		    const void *buf, u32 len)
{
	return cmd_access(cmd, cache, ea, (void *)buf, len, true);
}

/* The next element of the scatter list becomes the one at hand. */
static int cmd_next_element(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	struct sisl_ioadl el;
	int ret;

	cmd_set_miss(cmd, cmd->arcb.data_ea + cmd->adl.idx * sizeof(el),
		     sizeof(el), false, true);
	if (cmd->adl.idx >= cmd->arcb.ioadl_len / sizeof(el))
		return -EINVAL;
	ret = cmd_read_owner(cmd, &ctx->win.arcb, cmd->miss.ea, &el,
			     sizeof(el));
	barrier();
	if (ret)
		return ret;
	el.ea = ctx64(ctx, el.ea);
	el.len = ctx32(ctx, el.len);
	if (!el.len || el.flags)
		return -EINVAL;
	/* Together they are as long as the data, not longer. */
	if (cmd->adl.off + cmd->adl.len + el.len > cmd->arcb.data_len)
		return -EINVAL;
	cmd->adl.off += cmd->adl.len;
	cmd->adl.ea = el.ea;
	cmd->adl.len = el.len;
	cmd->adl.idx++;
	return 0;
}

/**
 * cmd_find_data() - where the data are
 * @cmd: command
 * @off: offset in the data
 * @ea: out: address
 * @len: in: bytes wanted; out: how many of them follow one another there
 *
 * Context: atomic, under CTX_BUSY.
 * Return: 0; -EAGAIN, -EFAULT with @miss set; -EINVAL: not a valid list.
 */
int cmd_find_data(struct afu_cmd *cmd, u64 off, u64 *ea, u64 *len)
{
	int ret;

	if (likely(!cmd->arcb.ioadl_len)) {
		*ea = cmd->arcb.data_ea + off;
		return 0;
	}
	if (off < cmd->adl.off) {
		cmd->adl.idx = 0;
		cmd->adl.len = 0;
		cmd->adl.off = 0;
	}
	while (off - cmd->adl.off >= cmd->adl.len) {
		ret = cmd_next_element(cmd);
		if (ret)
			return ret;
	}
	off -= cmd->adl.off;
	*ea = cmd->adl.ea + off;
	*len = min(*len, cmd->adl.len - off);
	return 0;
}

/**
 * cmd_set_bad_list() - the scatter list makes no sense
 * @cmd: command
 *
 * Context: any; the command is the caller's.
 */
void cmd_set_bad_list(struct afu_cmd *cmd)
{
	cmd_set_afu_rc(cmd, SISL_AFU_RC_DATA_DMA);
	cmd->status.afu_extra = SISL_AFU_EXTRA_INVALID_EA;
}

/* ------------------------------------------- answers, parameters: workers */

/**
 * cmd_bring() - have what a command misses brought to hand
 * @cmd: command, @miss says what
 *
 * Meanwhile it keeps nothing of the owner's memory from going: the owner may
 * have to take it away to make room.  So @ioasa is forgotten.
 *
 * Context: a worker, without CTX_BUSY; may sleep, also in a page fault.
 * Return: as ctx_resolve().
 */
int cmd_bring(struct afu_cmd *cmd)
{
	WRITE_ONCE(cmd->ioasa, NULL);
	return ctx_resolve(cmd->ctx, cmd->miss.ea, cmd->miss.len,
			   cmd->miss.write);
}

/* Some bytes; how many, or an errno as cmd_find_data()'s.  Under CTX_BUSY. */
static int cmd_copy_some(struct afu_cmd *cmd, u64 off, void *buf, u32 len,
			 bool to_owner)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u64 ea, now = min(len, CMD_WORKER_BYTES);
	void *kva;
	int ret;

	ret = cmd_find_data(cmd, off, &ea, &now);
	if (ret)
		return ret;
	cmd_set_miss(cmd, ea, now, to_owner, true);
	kva = ctx_kva(ctx, &ctx->win.data, ea, &now, to_owner);
	if (IS_ERR(kva))
		return PTR_ERR(kva);
	if (to_owner)
		memcpy(kva, buf, now);
	else
		memcpy(buf, kva, now);
	if (to_owner)
		ctx_dirtied(ctx, ea, now);
	return now;
}

/*
 * What cmd_copy_some() could not reach: brought to hand, or copied by the
 * owner.  How many bytes were copied; -EAGAIN: it is at hand now; an errno.
 */
static int cmd_copy_miss(struct afu_cmd *cmd, void *buf, bool to_owner)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u32 len = cmd->miss.len;
	int ret;

	ret = cmd_bring(cmd);
	if (ret != -ENOMEM)
		return ret ? ret : -EAGAIN;
	/* An element of the scatter list is read by nobody but the engine. */
	if (!cmd->miss.data || cmd->miss.write != to_owner)
		return -EFAULT;
	ret = ctx_copy(ctx, cmd->miss.ea, buf, len, to_owner);
	return ret ? ret : len;
}

/**
 * cmd_copy() - copy a part of a command's data
 * @cmd: command; if it fails its status is set and it only has to be completed
 * @off: offset in the data
 * @buf: kernel buffer
 * @len: bytes, not beyond the data's
 * @to_owner: direction
 *
 * Context: a worker, without CTX_BUSY; may sleep.
 * Return: 0; -EFAULT if the memory cannot be had; -EINVAL for a bad scatter
 * list; -ESHUTDOWN if the command is dead.
 */
int cmd_copy(struct afu_cmd *cmd, u64 off, void *buf, u32 len, bool to_owner)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	unsigned int tries = 0;
	int ret;

	if (WARN_ON_ONCE(off + len > cmd->arcb.data_len))
		return -EINVAL;
	while (len) {
		ctx_lock_busy(ctx);
		ret = -ESHUTDOWN;
		if (!cmd_is_dead(cmd))
			ret = cmd_copy_some(cmd, off, buf, len, to_owner);
		ctx_unlock_busy(ctx);
		if (ret == -EAGAIN && tries++ < CMD_MISSES_MAX)
			ret = cmd_copy_miss(cmd, buf, to_owner);
		if (ret > 0) {
			off += ret;
			buf += ret;
			len -= ret;
			tries = 0;
			continue;
		}
		if (ret == -EAGAIN && tries < CMD_MISSES_MAX)
			continue;
		if (ret == -EINVAL)
			cmd_set_bad_list(cmd);
		else if (ret != -ESHUTDOWN)
			cmd_unreachable(cmd);
		return ret == -EAGAIN ? -EFAULT : ret;
	}
	return 0;
}

/**
 * cmd_copy_to_owner() - write a part of a command's data
 * @cmd: command; if it fails its status is set and it only has to be completed
 * @off: offset in the data
 * @from: what
 * @len: bytes, not beyond the data's
 *
 * Context: a worker, without CTX_BUSY; may sleep.
 * Return: 0; -EFAULT if the memory cannot be had; -EINVAL for a bad scatter
 * list; -ESHUTDOWN if the command is dead.
 */
int cmd_copy_to_owner(struct afu_cmd *cmd, u64 off, const void *from, u32 len)
{
	return cmd_copy(cmd, off, (void *)from, len, true);
}

/**
 * cmd_copy_from_owner() - read a part of a command's data
 * @cmd: command; if it fails its status is set and it only has to be completed
 * @off: offset in the data
 * @to: filled
 * @len: bytes, not beyond the data's
 *
 * Context: a worker, without CTX_BUSY; may sleep.
 * Return: 0; -EFAULT if the memory cannot be had; -EINVAL for a bad scatter
 * list; -ESHUTDOWN if the command is dead.
 */
int cmd_copy_from_owner(struct afu_cmd *cmd, u64 off, void *to, u32 len)
{
	return cmd_copy(cmd, off, to, len, false);
}
