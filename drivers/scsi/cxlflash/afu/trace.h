/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the software AFU: commands and contexts
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cxlflash_afu

#if !defined(CXLFLASH_AFU_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CXLFLASH_AFU_TRACE_H

#include <linux/tracepoint.h>

#include "afu.h"

#define afu_show_ctx_state(state)				\
	__print_symbolic(state,					\
			 { CXLFLASH_CTX_LIVE, "live" },		\
			 { CXLFLASH_CTX_DRAINING, "draining" },	\
			 { CXLFLASH_CTX_ERROR, "error" },	\
			 { CXLFLASH_CTX_DEAD, "dead" })

TRACE_EVENT(cxlflash_cmd_fetch,
	TP_PROTO(const struct afu_cmd *cmd),
	TP_ARGS(cmd),
	TP_STRUCT__entry(
		__string(adapter, cmd->ctx->ad->name)
		__field(unsigned int, ctx)
		__field(u64, ea)
		__field(u16, req_flags)
		__field(u32, handle)
		__field(u8, opcode)
		__field(u32, bytes)
	),
	TP_fast_assign(
		__assign_str(adapter);
		__entry->ctx = cmd->ctx->id;
		__entry->ea = cmd->arcb_ea;
		__entry->req_flags = cmd->arcb.req_flags;
		__entry->handle = cmd->arcb.res_hndl;
		__entry->opcode = cmd->arcb.cdb[0];
		__entry->bytes = cmd->arcb.data_len;
	),
	TP_printk("%s ctx=%u ea=%#llx flags=%#x handle=%u opcode=%#x bytes=%u",
		  __get_str(adapter), __entry->ctx, __entry->ea,
		  __entry->req_flags, __entry->handle, __entry->opcode,
		  __entry->bytes)
);

TRACE_EVENT(cxlflash_cmd_complete,
	TP_PROTO(const struct afu_cmd *cmd),
	TP_ARGS(cmd),
	TP_STRUCT__entry(
		__string(adapter, cmd->ctx->ad->name)
		__field(unsigned int, ctx)
		__field(u64, ea)
		__field(u8, flags)
		__field(u8, afu_rc)
		__field(u8, scsi_rc)
		__field(u8, fc_rc)
		__field(u64, moved)
	),
	TP_fast_assign(
		__assign_str(adapter);
		__entry->ctx = cmd->ctx->id;
		__entry->ea = cmd->arcb_ea;
		__entry->flags = cmd->status.flags;
		__entry->afu_rc = cmd->status.afu_rc;
		__entry->scsi_rc = cmd->status.scsi_rc;
		__entry->fc_rc = cmd->status.fc_rc;
		__entry->moved = cmd->moved;
	),
	TP_printk("%s ctx=%u ea=%#llx flags=%#x afu=%#x scsi=%#x fc=%#x moved_bytes=%llu",
		  __get_str(adapter), __entry->ctx, __entry->ea,
		  __entry->flags, __entry->afu_rc, __entry->scsi_rc,
		  __entry->fc_rc, __entry->moved)
);

TRACE_EVENT(cxlflash_cmd_drop,
	TP_PROTO(const struct afu_cmd *cmd),
	TP_ARGS(cmd),
	TP_STRUCT__entry(
		__string(adapter, cmd->ctx->ad->name)
		__field(unsigned int, ctx)
		__field(u64, ea)
		__field(u32, epoch)
		__field(bool, disowned)
	),
	TP_fast_assign(
		__assign_str(adapter);
		__entry->ctx = cmd->ctx->id;
		__entry->ea = cmd->arcb_ea;
		__entry->epoch = cmd->epoch;
		__entry->disowned = cmd->claim == CMD_DISOWNED;
	),
	TP_printk("%s ctx=%u ea=%#llx epoch=%u disowned=%d",
		  __get_str(adapter), __entry->ctx, __entry->ea,
		  __entry->epoch, __entry->disowned)
);

TRACE_EVENT(cxlflash_ctx_state,
	TP_PROTO(const struct cxlflash_ctx *ctx),
	TP_ARGS(ctx),
	TP_STRUCT__entry(
		__string(adapter, ctx->ad->name)
		__field(unsigned int, ctx)
		__field(unsigned int, state)
		__field(u32, epoch)
	),
	TP_fast_assign(
		__assign_str(adapter);
		__entry->ctx = ctx->id;
		__entry->state = ctx->state;
		__entry->epoch = ctx->epoch;
	),
	TP_printk("%s ctx=%u state=%s epoch=%u", __get_str(adapter),
		  __entry->ctx, afu_show_ctx_state(__entry->state),
		  __entry->epoch)
);

#endif /* CXLFLASH_AFU_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
