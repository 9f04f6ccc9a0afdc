/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A LUN as a SCSI disk: what disk.c, disk_media.c, disk_inquiry.c and
 * disk_reserve.c share
 *
 *  disk.c          checks and dispatch; READ and WRITE, which cmd.c moves
 *  disk_media.c    what else touches the medium, in a worker
 *  disk_inquiry.c  what the disk says about itself
 *  disk_reserve.c  persistent reservations
 */
#ifndef CXLFLASH_AFU_DISK_H
#define CXLFLASH_AFU_DISK_H

#include "afu.h"
#include "cdb.h"
#include "slice.h"

/* No answer that is built in memory is longer. */
#define DISK_ANSWER_MAX		4096
/* Limits that the block limits page reports, in bytes. */
#define DISK_UNMAP_MAX		(1ULL << 30)
#define DISK_UNMAP_DESCS	256
#define DISK_SAME_MAX_FAST	(256ULL << 20)
#define DISK_SAME_MAX		(32ULL << 20)

#define DISK_CONFLICT		0x18	/* RESERVATION CONFLICT */
#define DISK_UNIT_ATTENTION	0x06

/* disk.c */
void disk_set_sense(struct afu_cmd *cmd, u32 sense);
void disk_refuse(struct afu_cmd *cmd, u32 sense);
void disk_set_transferred(struct afu_cmd *cmd, u32 bytes);
u8 *disk_fetch(struct afu_cmd *cmd, u32 len);
bool disk_is_protected(const struct afu_cmd *cmd);
bool disk_has(const void *cmd, enum cdb_kind kind);
u16 disk_take_attention(struct afu_cmd *cmd);

/* disk_media.c */
void media_flush(struct afu_cmd *cmd);
void media_write_same(struct afu_cmd *cmd, const struct cdb_req *req);
void media_unmap(struct afu_cmd *cmd, const struct cdb_req *req);
void media_verify(struct afu_cmd *cmd, const struct cdb_req *req);

static inline u64 media_same_max(const struct cxlflash_lun *lun)
{
	return (lun->store->flags & STORE_FAST_ZERO ? DISK_SAME_MAX_FAST :
		DISK_SAME_MAX) >> lun->block_lg2;
}

static inline u64 media_unmap_max(const struct cxlflash_lun *lun)
{
	return DISK_UNMAP_MAX >> lun->block_lg2;
}

/*
 * disk_inquiry.c: each fills a zeroed buffer of DISK_ANSWER_MAX bytes.
 * Return: bytes, or -EINVAL with the status set.
 */
int inq_inquiry(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf);
int inq_inquiry_lunless(struct afu_cmd *cmd, const struct cdb_req *req,
			u8 *buf);
int inq_read_capacity(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf);
int inq_report_luns(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf);
int inq_report_opcodes(struct afu_cmd *cmd, const struct cdb_req *req,
		       u8 *buf);
int inq_report_tmfs(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf);
int inq_mode_sense(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf);
u32 inq_mode_select(struct afu_cmd *cmd, const struct cdb_req *req,
		    const u8 *list);

/* disk_reserve.c */

/* Transport ID (24 bytes), relative port and key of one registrant. */
#define RESV_STATUS_LEN		48
#define RESV_MAX_REGISTRANTS	64

/**
 * struct resv_nexus - an initiator and the port by which it comes
 * @adapter: its name
 * @ctx: its context; %RESV_HOST for the SCSI host, whose contexts are one
 * @port: of the adapter
 *
 * Names, not pointers: what is registered outlives adapters and contexts.
 */
struct resv_nexus {
	char adapter[AFU_NAME_LEN];
	u32 ctx;
	u32 port;
};

#define RESV_HOST		U32_MAX

/**
 * struct resv_entry - a registrant
 * @nexus: who
 * @key: its reservation key
 */
struct resv_entry {
	struct resv_nexus nexus;
	u64 key;
};

/**
 * struct resv_event - a unit attention of one nexus
 * @nexus: who shall hear of it
 * @code: ASC and ASCQ
 */
struct resv_event {
	struct resv_nexus nexus;
	u16 code;
};

/**
 * struct disk_reservation - persistent reservations of a LUN
 * @active: there is a reservation or an event: commands must look here;
 *	READ_ONCE() outside of the lock
 * @type: of the reservation; 0: none
 * @holder: index of its holder, unless all registrants are
 * @generation: changes of registrations
 * @nr: registrants
 * @nr_events: unit attentions that are pending
 * @reg: registrants
 * @events: oldest first
 *
 * Made by the first registration, it lives as long as its LUN.  All under the
 * LUN's @resv_lock.  They do not survive a reload of the module (no APTPL).
 */
struct disk_reservation {
	bool active;
	u8 type;
	unsigned int holder;
	u32 generation;
	unsigned int nr;
	unsigned int nr_events;
	struct resv_entry reg[RESV_MAX_REGISTRANTS];
	struct resv_event events[RESV_MAX_REGISTRANTS];
};

u32 resv_check(struct afu_cmd *cmd, enum cdb_access access);
u16 resv_take_event(struct afu_cmd *cmd);
int resv_in(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf);
void resv_out(struct afu_cmd *cmd, const struct cdb_req *req);

/* The only thing that commands on a LUN without reservations look at. */
static inline bool resv_is_active(const struct cxlflash_lun *lun)
{
	const struct disk_reservation *r = READ_ONCE(lun->resv);

	return unlikely(r) && READ_ONCE(r->active);
}

/*
 * What unit attentions are about: the slice, or the LUN.  What happens to a LUN
 * as a whole, its slices hear of by their own changes.
 */
static inline const void *disk_unit(const struct cxlflash_lun *lun,
				    const struct cxlflash_slice *slice)
{
	return slice ? (const void *)slice : lun;
}

static inline u32 disk_generation(const struct cxlflash_lun *lun,
				  const struct cxlflash_slice *slice)
{
	/* Paired with the release of who has set the code. */
	return atomic_read_acquire(slice ? &slice->ua_generation :
				   &lun->ua_generation);
}

/* Unit and generation in one word, so that it is read and written at once. */
static inline u64 disk_attention_key(const struct cxlflash_lun *lun,
				     const struct cxlflash_slice *slice)
{
	return (u64)(unsigned long)disk_unit(lun, slice) << 16 ^
	       disk_generation(lun, slice);
}

/* Is there no unit attention and no reservation to be looked at? */
static inline bool disk_lun_is_quiet(const struct cxlflash_ctx *ctx,
				     const struct cxlflash_lun *lun,
				     const struct cxlflash_slice *slice)
{
	return likely(READ_ONCE(ctx->ua_ok) ==
		      disk_attention_key(lun, slice)) &&
	       !resv_is_active(lun);
}

/* Read-only, or has slices and this is none (@virt). */
static inline bool disk_lun_is_protected(const struct cxlflash_lun *lun,
					 const struct cxlflash_slice *slice,
					 bool virt)
{
	return READ_ONCE(lun->read_only) ||
	       (READ_ONCE(lun->formatted) && !virt) ||
	       (slice && slice_is_read_only(slice));
}

#endif /* CXLFLASH_AFU_DISK_H */
