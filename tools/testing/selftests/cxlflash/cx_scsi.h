/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SCSI commands to LUN 0 of port 0, by a context that may send any
 */
#ifndef CX_SCSI_H
#define CX_SCSI_H

#include "cx_lib.h"

#define CDB(...) ((uint8_t[16]){ __VA_ARGS__ })
#define CHECK_CONDITION	ST(0x80, 0, 2, 0)

/* One that reads into the start of the data area; by slot 0. */
static inline int64_t scsi_in(struct cx *cx, const uint8_t cdb[16],
			      uint32_t len)
{
	memset(cx_data(cx, 0), 0xee, 4096);
	return cx_scsi(cx, 0, 0, cdb, 16, 0, len, false);
}

static inline uint64_t scsi_be(const uint8_t *at, int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | *at++;
	return v;
}

/* Whatever the reset before has to tell. */
static inline void scsi_settle(struct cx *cx)
{
	for (int i = 0; i < 4; i++)
		scsi_in(cx, CDB(0), 0);
}

#endif /* CX_SCSI_H */
