/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that drives raw contexts of a software CXL flash adapter
 *
 * It knows SISlite by itself, as an independent program would: the formats
 * here are written from the adapter's description, not taken from its sources.
 */
#ifndef CX_LIB_H
#define CX_LIB_H

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cxtest.h"

/* Host registers. */
enum {
	R_ENDIAN = 0x00, R_INTR_STATUS = 0x08, R_INTR_CLEAR = 0x10,
	R_INTR_MASK = 0x18, R_IOARRIN = 0x20, R_RRQ_START = 0x28,
	R_RRQ_END = 0x30, R_CMD_ROOM = 0x38, R_CTX_CTRL = 0x40,
	R_SQ_START = 0x50, R_SQ_END = 0x58, R_SQ_HEAD = 0x60,
	R_SQ_TAIL = 0x68, R_SQ_RESET = 0x70, R_SHADOW = 0x100,
	R_COALESCE = 0x108, R_KICK = 0x110, R_FEATURES = 0x118,
};

#define CX_BE		0x8000000000000080ULL

/* Capabilities. */
#define CAP_READ	1ULL
#define CAP_WRITE	2ULL
#define CAP_GSCSI	4ULL
#define CAP_AFU		8ULL
#define CAP_XLATE	(1ULL << 61)
#define CAP_USER	(CAP_READ | CAP_WRITE)
#define CAP_ALL		(CAP_USER | CAP_GSCSI | CAP_AFU | CAP_XLATE)

#define F_HNDL		0x8000
#define F_SUP_UNDERRUN	0x4000
#define F_MSEC		0x0040
#define F_TMF		0x0004
#define F_AFU		0x0002
#define F_WRITE		0x0001

/* Handles. */
#define H_READ		1
#define H_WRITE		2
#define H_SINGLE	4

struct cx_arcb {
	uint16_t ctx_id;
	uint16_t flags;
	uint32_t hndl;
	uint64_t lun_id;
	uint32_t data_len;
	uint32_t ioadl_len;
	uint64_t data_ea;
	uint8_t msi;
	uint8_t rrq;
	uint16_t timeout;
	uint32_t rsvd;
	uint8_t cdb[16];
	uint64_t ioasa_ea;
};

struct cx_asa {
	uint8_t flags;
	uint8_t afu_rc;
	uint8_t scsi_rc;
	uint8_t fc_rc;
	uint32_t resid;
	uint8_t port;
	uint8_t afu_extra;
	uint8_t scsi_extra;
	uint8_t fc_extra;
	uint8_t sense[20];
	uint8_t mine[32];
};

struct cx_slot {
	struct cx_arcb arcb;
	struct cx_asa asa;
};

_Static_assert(sizeof(struct cx_slot) == 128, "IOARCB and IOASA");

/* The arena: the ring, shadow words, the slots, the submission queue, data. */
#define CX_PAGE		4096
#define CX_RRQ_OFF	0
#define CX_SHADOW_OFF	CX_PAGE
#define CX_SLOT_OFF	(2 * CX_PAGE)
#define CX_NR_SLOTS	256
#define CX_SQ_OFF	(CX_SLOT_OFF + CX_NR_SLOTS * 128)
#define CX_DATA_OFF	(CX_SQ_OFF + CX_NR_SLOTS * 64)
#define CX_ARENA_PAGES	2048

/**
 * struct cx - a context
 * @fd: of /dev/cxtest
 * @id: of the context
 * @arena: mapped
 * @rrq_entries: of the ring
 * @rrq_next: to be looked at
 * @toggle: of the next
 * @be: big endian
 * @sq: submissions go through the queue
 * @sq_tail: slot
 * @sq_entries: slots
 * @done: by slot: completed
 * @strays: entries of no slot that was submitted
 */
struct cx {
	int fd;
	uint32_t id;
	uint8_t *arena;
	unsigned int rrq_entries;
	unsigned int rrq_next;
	uint64_t toggle;
	bool be;
	bool sq;
	unsigned int sq_tail;
	unsigned int sq_entries;
	bool busy[CX_NR_SLOTS];
	bool done[CX_NR_SLOTS];
	unsigned int strays;
};

/* configfs; all return 0 or -errno */
int cx_set(const char *value, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int cx_get(char *value, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int cx_lun_make(const char *name, const char *store, const char *path,
		const char *size, unsigned int block_size);
int cx_lun_remove(const char *name);
int cx_adapter_make(const char *name);
int cx_adapter_link(const char *name, unsigned int port, unsigned int lun_id,
		    const char *lun);
int cx_adapter_live(const char *name, bool live);
int cx_adapter_remove(const char *name);
/* Adapter "t" with one LUN "t" as port 0, LUN 0; undone by cx_world_end(). */
int cx_world(const char *store, const char *size, unsigned int block_size);
/* The same, with a store that is in @path. */
int cx_world_on(const char *store, const char *path, const char *size,
		unsigned int block_size);
void cx_world_end(void);

/* Contexts */
int cx_open(struct cx *cx, const char *adapter, uint64_t caps, uint32_t room,
	    uint32_t service, uint32_t flags);
void cx_close(struct cx *cx);
uint64_t cx_read(struct cx *cx, uint32_t reg);
void cx_write(struct cx *cx, uint32_t reg, uint64_t val);
int cx_do(struct cx *cx, uint32_t what, uint32_t arg);
int cx_pages(struct cx *cx, uint64_t off, uint64_t len, uint32_t how,
	     uint32_t drain_ms);
struct cxtest_events cx_events(struct cx *cx);
int cx_handle(struct cx *cx, unsigned int port, uint64_t lun, uint32_t flags,
	      uint64_t nr_chunks);
int cx_resize(struct cx *cx, int handle, uint64_t *nr_chunks);
int cx_handle_close(struct cx *cx, int handle);
uint64_t cx_ea(uint64_t off);
void cx_rrq(struct cx *cx, unsigned int entries);
void cx_sq(struct cx *cx, unsigned int entries);

struct cx_slot *cx_slot(struct cx *cx, unsigned int i);
uint8_t *cx_data(struct cx *cx, uint64_t off);
/* A cleared IOARCB for slot @i: @cdb_len bytes of @cdb, data at @off. */
struct cx_arcb *cx_prepare(struct cx *cx, unsigned int i, uint16_t flags,
			   uint32_t hndl, const void *cdb, size_t cdb_len,
			   uint64_t off, uint32_t len);
void cx_submit(struct cx *cx, unsigned int i);
/* Slots 0 to @nr - 1 by the submission queue, with one doorbell; and wait. */
void cx_submit_batch(struct cx *cx, unsigned int nr);
int cx_run_batch(struct cx *cx, unsigned int nr);
bool cx_reap(struct cx *cx);
/* 0 when slot @i is done; -ETIMEDOUT */
int cx_wait(struct cx *cx, unsigned int i, unsigned int ms);
/* flags<<24 | afu<<16 | scsi<<8 | fc of slot @i: 0 is good */
uint32_t cx_status(struct cx *cx, unsigned int i);
#define ST(flags, afu, scsi, fc) \
	((uint32_t)(flags) << 24 | (afu) << 16 | (scsi) << 8 | (fc))
uint32_t cx_resid(struct cx *cx, unsigned int i);
/* key<<16 | asc<<8 | ascq */
uint32_t cx_sense(struct cx *cx, unsigned int i);

/* How long a command may take: the first write of a slice clears 256 MiB. */
#define CX_PATIENCE_MS	90000

/* READ(16), WRITE(16): submit in slot @i and wait; cx_status() or -errno. */
int64_t cx_rw(struct cx *cx, unsigned int i, bool write, int handle,
	      uint64_t lba, uint32_t blocks, uint64_t off, uint32_t len);
/* Any CDB to port 0, LUN @lun by host addressing. */
int64_t cx_scsi(struct cx *cx, unsigned int i, uint64_t lun, const void *cdb,
		size_t cdb_len, uint64_t off, uint32_t len, bool write);
void cx_cdb_rw(uint8_t cdb[16], bool write, uint64_t lba, uint32_t blocks);
void cx_fill(void *to, size_t len, uint32_t seed);
bool cx_check(const void *at, size_t len, uint32_t seed);
long long cx_now_ms(void);

#endif /* CX_LIB_H */
