/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/cxtest: a program owns a raw context of a software CXL flash adapter
 *
 * An open file has at most one context.  Its memory is an arena that the
 * program maps (offset 0); effective addresses in it begin at CXTEST_BASE, all
 * others are out of reach.  Each page of the arena can be made to be at hand,
 * to need a worker first, or to be out of reach.
 */
#ifndef CXTEST_H
#define CXTEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define CXTEST_BASE		0x100000000ULL
#define CXTEST_MAX_PAGES	16384
#define CXTEST_NR_LISN		4

/* flags of struct cxtest_create */
#define CXTEST_USER		1	/* counts against IBM's 508 */
#define CXTEST_BY_PAGE		2	/* windows of one page */

/**
 * struct cxtest_create - make the context
 * @adapter: name
 * @caps: SISL_CAP_*
 * @cmd_room: or 0
 * @service: enum cxlflash_service
 * @flags: CXTEST_*
 * @nr_pages: of the arena
 * @id: out: of the context
 * @reserved: 0
 */
struct cxtest_create {
	char adapter[32];
	__u64 caps;
	__u32 cmd_room;
	__u32 service;
	__u32 flags;
	__u32 nr_pages;
	__u32 id;
	__u32 reserved;
};

struct cxtest_mmio {
	__u32 reg;
	__u32 reserved;
	__u64 val;
};

/**
 * struct cxtest_handle - open, resize or close a handle
 * @lun_id: with @port: which LUN (open)
 * @port: of the adapter (open)
 * @flags: CXLFLASH_HANDLE_* (open)
 * @nr_chunks: 0: physical (open); in and out (resize)
 * @handle: out (open), in (resize, close)
 * @reserved: 0
 */
struct cxtest_handle {
	__u64 lun_id;
	__u32 port;
	__u32 flags;
	__u64 nr_chunks;
	__u32 handle;
	__u32 reserved;
};

/* What a page is. */
#define CXTEST_PRESENT		0
#define CXTEST_MISS		1	/* until a worker resolved it */
#define CXTEST_GONE		2

/**
 * struct cxtest_pages - change pages of the arena
 * @first: index
 * @nr: how many
 * @how: CXTEST_PRESENT ...
 * @drain: also wait for store I/O on them, milliseconds
 */
struct cxtest_pages {
	__u32 first;
	__u32 nr;
	__u32 how;
	__u32 drain;
};

/**
 * struct cxtest_events - what the context's owner was told
 * @irqs: by LISN
 * @data_storage: events
 * @last_ea: of the last of these
 * @resolved: pages that workers asked for
 * @pages_out: pages that store I/O holds now, of all contexts
 * @state: enum cxlflash_ctx_state
 * @state_changes: events
 */
struct cxtest_events {
	__u64 irqs[CXTEST_NR_LISN];
	__u64 data_storage;
	__u64 last_ea;
	__u64 resolved;
	__u64 pages_out;
	__u32 state;
	__u32 state_changes;
};

struct cxtest_limits {
	__u64 iops;
	__u64 bytes;
	__u32 burst_ms;
	__u32 reserved;
	char group[32];
};

/* What to do with the context; @arg: how long to wait (ms), or a mode. */
#define CXTEST_DO_RESET		0	/* 0, or -ETIMEDOUT */
#define CXTEST_DO_FAIL		1
#define CXTEST_DO_RESTART	2
#define CXTEST_DO_KICK		3
#define CXTEST_DO_SERVICE	4
#define CXTEST_DO_DESTROY	5
#define CXTEST_DO_ADAPTER_RESET	6

struct cxtest_do {
	__u32 what;
	__u32 arg;
};

/* What to do with a slice. */
#define CXTEST_SLICE_OPEN	0
#define CXTEST_SLICE_CLOSE	1
#define CXTEST_SLICE_RESIZE	2
#define CXTEST_SLICE_MODE	3
#define CXTEST_SLICE_INFO	4
#define CXTEST_SLICE_HANDLE	5

/**
 * struct cxtest_slice - a slice that is open
 * @what: CXTEST_SLICE_*
 * @id: out (open), in: of any file's slice
 * @lun_id: with @port: which LUN (open)
 * @port: of the adapter (open)
 * @flags: CXLFLASH_HANDLE_* (handle); 1: read-only (mode; out: info)
 * @bytes: to make it with (open), to resize to; out (open, info): size
 * @uuid: (open)
 * @name: (open; out: info)
 * @handle: out (handle)
 * @created: out (open, info)
 * @nr_chunks: out (open, info)
 * @nr_unwritten: out (open, info)
 * @nr_changes: out (open, info): how often the opener was told, and
 * @changed: out (open, info): what the last time
 * @wwid: out (open, info)
 */
struct cxtest_slice {
	__u32 what;
	__u32 id;
	__u64 lun_id;
	__u32 port;
	__u32 flags;
	__u64 bytes;
	__u8 uuid[16];
	char name[64];
	__u32 handle;
	__u32 created;
	__u32 nr_chunks;
	__u32 nr_unwritten;
	__u32 nr_changes;
	__u32 changed;
	__u8 wwid[16];
};

/* What to do with the module as a client of the adapter's. */
#define CXTEST_CLIENT_REGISTER	0
#define CXTEST_CLIENT_CLOSES	1	/* and it closes a LUN's slices */
#define CXTEST_CLIENT_READ	2
#define CXTEST_CLIENT_UNREGISTER 3

/**
 * struct cxtest_client - calls since it was registered
 * @what: CXTEST_CLIENT_*
 * @wrong: calls that came together, or out of order
 * @added: adapter_added
 * @removing: adapter_removing
 * @changed: luns_changed
 * @lun_removing: lun_removing
 * @reset_begin: reset_begin
 * @reset_end: reset_end
 * @error: of the last of these
 * @nr_luns: that the adapter of the last luns_changed has, of these
 * @nr_active: that are formatted and active
 * @reserved: 0
 */
struct cxtest_client {
	__u32 what;
	__u32 wrong;
	__u32 added;
	__u32 removing;
	__u32 changed;
	__u32 lun_removing;
	__u32 reset_begin;
	__u32 reset_end;
	__s32 error;
	__u32 nr_luns;
	__u32 nr_active;
	__u32 reserved;
};

#define CXTEST_CREATE		_IOWR(0xce, 0, struct cxtest_create)
#define CXTEST_READ		_IOWR(0xce, 1, struct cxtest_mmio)
#define CXTEST_WRITE		_IOW(0xce, 2, struct cxtest_mmio)
#define CXTEST_OPEN		_IOWR(0xce, 3, struct cxtest_handle)
#define CXTEST_RESIZE		_IOWR(0xce, 4, struct cxtest_handle)
#define CXTEST_CLOSE		_IOW(0xce, 5, struct cxtest_handle)
#define CXTEST_PAGES		_IOW(0xce, 6, struct cxtest_pages)
#define CXTEST_EVENTS		_IOR(0xce, 7, struct cxtest_events)
#define CXTEST_LIMITS		_IOW(0xce, 8, struct cxtest_limits)
#define CXTEST_DO		_IOW(0xce, 9, struct cxtest_do)
#define CXTEST_SLICE		_IOWR(0xce, 10, struct cxtest_slice)
/* Needs no context. */
#define CXTEST_CLIENT		_IOWR(0xce, 11, struct cxtest_client)

#endif /* CXTEST_H */
