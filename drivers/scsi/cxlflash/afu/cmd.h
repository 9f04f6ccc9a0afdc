/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What cmd.c, cmd_data.c, tmf.c, fault.c and engine.c share about commands
 */
#ifndef CXLFLASH_AFU_CMD_H
#define CXLFLASH_AFU_CMD_H

#include "afu.h"
#include "arcb.h"

/* Misses in a row that a worker resolves before it counts as unreachable. */
#define CMD_MISSES_MAX		8
/* What a command copies in one turn, so that others get theirs. */
#define CMD_COPY_BYTES		(256U << 10)
/* What a command costs at least, in bytes, for the sake of fairness. */
#define CMD_MIN_COST		4096

/* cmd.c */
struct afu_cmd *cmd_new(struct cxlflash_ctx *ctx, u64 ea, bool from_sq);
void cmd_begin(struct afu_cmd *cmd);
void cmd_execute(struct afu_cmd *cmd);
void cmd_execute_on_lun(struct afu_cmd *cmd);
bool cmd_lookup(struct afu_cmd *cmd, const struct arcb_req *req);
void cmd_park(struct afu_cmd *cmd, void (*resume)(struct afu_cmd *cmd),
	      bool first);
void cmd_resume(struct afu_cmd *cmd);
void cmd_miss(struct afu_cmd *cmd, int error,
	      void (*resume)(struct afu_cmd *cmd));
void cmd_unreachable(struct afu_cmd *cmd);
/* As cmd_defer(), to the workers that may wait for other commands. */
void cmd_defer_wait(struct afu_cmd *cmd, void (*fn)(struct afu_cmd *cmd));
bool cmd_disown(struct afu_cmd *cmd);

/* cmd_owner.c */
int cmd_read_owner(struct afu_cmd *cmd, struct cxlflash_window *cache, u64 ea,
		   void *buf, u32 len);
int cmd_write_owner(struct afu_cmd *cmd, struct cxlflash_window *cache, u64 ea,
		    const void *buf, u32 len);
int cmd_find_data(struct afu_cmd *cmd, u64 off, u64 *ea, u64 *len);
int cmd_bring(struct afu_cmd *cmd);
void cmd_set_bad_list(struct afu_cmd *cmd);
int cmd_copy(struct afu_cmd *cmd, u64 off, void *buf, u32 len, bool to_owner);

/* cmd_data.c */
void cmd_put_pages(struct afu_cmd *cmd);
void cmd_bounce(struct afu_cmd *cmd);
bool cmd_take_pages(struct afu_cmd *cmd, bool write);
void cmd_submit_taken(struct afu_cmd *cmd);
void cmd_submit_many(struct afu_cmd **cmd, unsigned int nr);

/* cmd_post.c: what a pass does for several commands */
int cmd_write_status(struct afu_cmd *cmd);
void cmd_not_posted(struct afu_cmd *cmd, int error, u64 miss);
void cmd_posted_many(struct cxlflash_ctx *ctx, struct afu_cmd **cmd,
		     unsigned int nr);

/* Where to go on if an access of the owner's memory fails. */
static inline void cmd_set_miss(struct afu_cmd *cmd, u64 ea, u32 len,
				bool write, bool data)
{
	cmd->miss.ea = ea;
	cmd->miss.len = len;
	cmd->miss.write = write;
	cmd->miss.data = data;
}

/* LISNs that do not exist raise nothing. */
static inline u8 cmd_lisn(const struct afu_cmd *cmd)
{
	return cmd->arcb.msi < SISL_NR_LISN ? cmd->arcb.msi : SISL_LISN_NONE;
}

/* Are there rates that its commands are charged to? */
static inline bool ctx_is_limited(const struct cxlflash_ctx *ctx)
{
	const struct limit_group *g;
	bool limited;

	if (limit_is_set(&ctx->limit))
		return true;
	rcu_read_lock();
	g = rcu_dereference(ctx->group);
	limited = g && limit_is_set(&g->limit);
	rcu_read_unlock();
	return limited;
}

/* Does somebody still work on it?  Orphans included. */
static inline bool cmd_is_out(const struct afu_cmd *cmd)
{
	return READ_ONCE(cmd->state) != CMD_FREE;
}

#endif /* CXLFLASH_AFU_CMD_H */
