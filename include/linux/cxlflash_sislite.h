/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SISlite: the wire format between a CXL flash adapter and who drives it
 *
 * Numbers and layouts are those of IBM's adapter, as its public driver and
 * client programs use them; what is marked "ours" is an addition that such
 * programs never see.  Bit 0 is the most significant one in IBM's papers;
 * masks here are plain values.
 *
 * Registers and CDBs are big endian.  IOARCB, IOASA, IOADL, RRQ entries and the
 * shadow words are in the byte order that the context's endian_ctrl selects,
 * so their members have the types of the CPU, and who reads them converts.
 */
#ifndef _LINUX_CXLFLASH_SISLITE_H
#define _LINUX_CXLFLASH_SISLITE_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/types.h>

/* The host area of a context: offsets of 64-bit registers. */
#define SISL_HOST_SIZE			0x10000
#define SISL_REG_ENDIAN_CTRL		0x00
#define SISL_REG_INTR_STATUS		0x08
#define SISL_REG_INTR_CLEAR		0x10
#define SISL_REG_INTR_MASK		0x18
#define SISL_REG_IOARRIN		0x20
#define SISL_REG_RRQ_START		0x28
#define SISL_REG_RRQ_END		0x30
#define SISL_REG_CMD_ROOM		0x38
#define SISL_REG_CTX_CTRL		0x40
#define SISL_REG_MBOX_W			0x48
#define SISL_REG_SQ_START		0x50
#define SISL_REG_SQ_END			0x58
#define SISL_REG_SQ_HEAD		0x60
#define SISL_REG_SQ_TAIL		0x68
#define SISL_REG_SQ_CTX_RESET		0x70
/* Ours: beyond what IBM's adapters decode. */
#define SISL_REG_SHADOW			0x100	/* EA of shadow; 0: none */
#define SISL_REG_COALESCE		0x108	/* SISL_COALESCE_* */
#define SISL_REG_KICK			0x110	/* any store: run the engine */
#define SISL_REG_FEATURES		0x118	/* RO: SISL_FEATURE_* */

#define SISL_ENDIAN_LE			0ULL
#define SISL_ENDIAN_BE			0x8000000000000080ULL

#define SISL_INTR_PAGE_IN		0x01ULL	/* temporary */
#define SISL_INTR_RRQ_WRITE		0x02ULL
#define SISL_INTR_IOASA_WRITE		0x04ULL
#define SISL_INTR_ARCB_READ		0x08ULL
#define SISL_INTR_CMD_ROOM		0x10ULL
#define SISL_INTR_ALL			0x1fULL

#define SISL_CTX_CTRL_LISN_MASK		0xffULL
#define SISL_CTX_CTRL_UNMAP		BIT_ULL(63)	/* RO */
#define SISL_RESET			1ULL	/* to IOARRIN, SQ_CTX_RESET */
#define SISL_ALL_ONES			(~0ULL)	/* what an error reads as */

#define SISL_COALESCE_COUNT		0x0000ffffULL	/* RRQ entries */
#define SISL_COALESCE_US		0xffff0000ULL	/* microseconds */
#define SISL_COALESCE_US_SHIFT		16

#define SISL_FEATURE_SHADOW		BIT_ULL(0)
#define SISL_FEATURE_IOADL		BIT_ULL(1)
#define SISL_FEATURE_COALESCE		BIT_ULL(2)

/* Interrupt sources (LISN). */
#define SISL_LISN_NONE			0
#define SISL_LISN_SYNC_ERROR		1
#define SISL_LISN_RRQ			2
#define SISL_LISN_ASYNC			3
#define SISL_NR_LISN			4

/* The control area of a context: what the kernel grants it. */
#define SISL_CAP_PROXY_ISSUE		BIT_ULL(63)
#define SISL_CAP_REAL_MODE		BIT_ULL(62)
#define SISL_CAP_HOST_XLATE		BIT_ULL(61)
#define SISL_CAP_PROXY_TARGET		BIT_ULL(60)
#define SISL_CAP_AFU_CMD		8ULL
#define SISL_CAP_GSCSI			4ULL
#define SISL_CAP_WRITE			2ULL
#define SISL_CAP_READ			1ULL

/* Global registers. */
#define SISL_AINTR_PORT(port, bits)	((u64)(bits) << ((port) * 8))
#define SISL_ASTATUS_OTHER		0x80
#define SISL_ASTATUS_LOGO		0x40
#define SISL_ASTATUS_CRC_THRESHOLD	0x20
#define SISL_ASTATUS_LOGIN_RETRY	0x10
#define SISL_ASTATUS_LOGIN_FAIL		0x08
#define SISL_ASTATUS_LOGIN_OK		0x04
#define SISL_ASTATUS_LINK_DOWN		0x02
#define SISL_ASTATUS_LINK_UP		0x01
#define SISL_ASTATUS_ALL		0xff

#define SISL_NR_CONTEXTS		512
#define SISL_NR_USER_CONTEXTS		508
#define SISL_NR_PORTS			4
#define SISL_BLOCK_SIZE			4096
#define SISL_CHUNK_LG2_BLOCKS		16	/* of 4096 bytes: 256 MiB */
#define SISL_CHUNK_BYTES		(256ULL << 20)
#define SISL_MAX_XFER			(16U << 20)

/* req_flags of an IOARCB. */
#define SISL_REQ_RES_HNDL		0x8000
#define SISL_REQ_SUP_UNDERRUN		0x4000
#define SISL_REQ_TIMEOUT_UNIT		0x00c0
#define SISL_REQ_TIMEOUT_SEC		0x0000
#define SISL_REQ_TIMEOUT_MSEC		0x0040
#define SISL_REQ_TIMEOUT_USEC		0x0080
#define SISL_REQ_TIMEOUT_CYCLES		0x00c0
#define SISL_REQ_TMF			0x0004
#define SISL_REQ_AFU_CMD		0x0002
#define SISL_REQ_HOST_WRITE		0x0001

/* cdb[0] of an AFU command, cdb[1] of a sync, cdb[0] of a TMF. */
#define SISL_AFU_CMD_SYNC		0xc0
#define SISL_AFU_CMD_ABORT		0xc1	/* ours: be64 at 2: RRQ entry */
#define SISL_AFU_CMD_CTX_RESET		0xc2	/* ours: be16 at 2: context */
#define SISL_AFU_CMD_LUN_PROVISION	0xd0
#define SISL_AFU_CMD_DEBUG		0xe0
#define SISL_SYNC_LIGHT			0
#define SISL_SYNC_HEAVY			1
#define SISL_SYNC_GLOBAL		2
#define SISL_TMF_LUN_RESET		1
#define SISL_TMF_CLEAR_ACA		2

/**
 * struct sisl_ioarcb - a request
 * @ctx_id: low 16 bits of the context's id
 * @req_flags: SISL_REQ_*
 * @res_hndl: handle, or a mask of ports without SISL_REQ_RES_HNDL
 * @lun_id: without SISL_REQ_RES_HNDL
 * @data_len: bytes
 * @ioadl_len: bytes of the scatter list; 0: @data_ea is the data's
 * @data_ea: of the data, or of the first struct sisl_ioadl
 * @msi: LISN to raise when it is done; 0: none
 * @rrq: 0
 * @timeout: 0: none; unit in @req_flags
 * @reserved: 0
 * @cdb: big endian
 * @ioasa_ea: where the status goes if it came by the submission queue
 */
struct sisl_ioarcb {
	u16 ctx_id;
	u16 req_flags;
	u32 res_hndl;
	u64 lun_id;
	u32 data_len;
	u32 ioadl_len;
	u64 data_ea;
	u8 msi;
	u8 rrq;
	u16 timeout;
	u32 reserved;
	u8 cdb[16];
	u64 ioasa_ea;
} __aligned(16);

static_assert(sizeof(struct sisl_ioarcb) == 64);

/* flags of an IOASA */
#define SISL_IOASA_SENSE_VALID		0x80
#define SISL_IOASA_FCP_RSP_VALID	0x40
#define SISL_IOASA_OVERRUN		0x20
#define SISL_IOASA_UNDERRUN		0x10

#define SISL_AFU_RC_RHT_INVALID		0x01
#define SISL_AFU_RC_RHT_UNALIGNED	0x02
#define SISL_AFU_RC_RHT_OUT_OF_BOUNDS	0x03
#define SISL_AFU_RC_RHT_DMA		0x04
#define SISL_AFU_RC_RHT_PERM		0x05
#define SISL_AFU_RC_LXT_UNALIGNED	0x12
#define SISL_AFU_RC_LXT_OUT_OF_BOUNDS	0x13
#define SISL_AFU_RC_LXT_DMA		0x14
#define SISL_AFU_RC_LXT_PERM		0x15
#define SISL_AFU_RC_NO_HOST_XLATE	0x1a
#define SISL_AFU_RC_NO_CHANNELS		0x20
#define SISL_AFU_RC_CAP_VIOLATION	0x21
#define SISL_AFU_RC_SYNC_IN_PROGRESS	0x22
#define SISL_AFU_RC_OUT_OF_DATA_BUFS	0x30
#define SISL_AFU_RC_DATA_DMA		0x31
#define SISL_AFU_RC_TIMED_OUT_PRE_FC	0x50
#define SISL_AFU_RC_TIMED_OUT		0x51

#define SISL_FC_RC_ABORT_PENDING	0x52
#define SISL_FC_RC_WR_ABORT_PENDING	0x53
#define SISL_FC_RC_NO_LOGIN		0x54
#define SISL_FC_RC_NO_EXCHANGE		0x55
#define SISL_FC_RC_IN_USE		0x56
#define SISL_FC_RC_LINK_DOWN		0x57
#define SISL_FC_RC_ABORT_OK		0x58
#define SISL_FC_RC_ABORT_FAIL		0x59
#define SISL_FC_RC_RESID		0x5a
#define SISL_FC_RC_RESID_ERR		0x5b
#define SISL_FC_RC_TGT_ABORT		0x5c
#define SISL_FC_RC_SHUTDOWN		0x5e

#define SISL_AFU_EXTRA_PAGE_IN		0x0a
#define SISL_AFU_EXTRA_INVALID_EA	0x0b

#define SISL_SENSE_LEN			20

/**
 * struct sisl_ioasa - the status of a request
 * @flags: SISL_IOASA_*
 * @afu_rc: SISL_AFU_RC_*
 * @scsi_rc: SCSI status
 * @fc_rc: SISL_FC_RC_*
 * @resid: bytes not transferred
 * @port: that was used
 * @afu_extra: SISL_AFU_EXTRA_*
 * @scsi_extra: 0
 * @fc_extra: 0
 * @sense: fixed format
 * @host_use: the adapter never writes it
 */
struct sisl_ioasa {
	u8 flags;
	u8 afu_rc;
	u8 scsi_rc;
	u8 fc_rc;
	u32 resid;
	u8 port;
	u8 afu_extra;
	u8 scsi_extra;
	u8 fc_extra;
	u8 sense[SISL_SENSE_LEN];
	u64 host_use[4];
} __aligned(16);

static_assert(sizeof(struct sisl_ioasa) == 64);

/* What the adapter writes of it. */
#define SISL_IOASA_WRITTEN		32

/**
 * struct sisl_ioadl - an element of a scatter list (the layout is ours)
 * @ea: address
 * @len: bytes, not 0
 * @flags: 0
 */
struct sisl_ioadl {
	u64 ea;
	u32 len;
	u32 flags;
};

static_assert(sizeof(struct sisl_ioadl) == 16);

/* Elements of one list; 16 MiB in pages that start in the middle of one. */
#define SISL_IOADL_MAX			4097

/**
 * struct sisl_shadow - doorbell words in the submitter's memory (ours)
 * @tail: how many IOARCBs have been put into the submission queue since it was
 *        set up; written by the submitter
 * @event: the engine sleeps and wants a store to SISL_REG_KICK when @tail
 *         passes this value; written by the adapter
 *
 * Who submits: IOARCBs, store-release of @tail, full barrier, load of @event;
 * kick if it lies in [old tail, new tail).  The engine that goes to sleep:
 * store of @event, full barrier, load of @tail.
 */
struct sisl_shadow {
	u64 tail;
	u64 event;
} __aligned(16);

/* An RRQ entry: EA of the IOARCB (of the IOASA: from the queue), toggle. */
#define SISL_RRQ_TOGGLE			1ULL
#define SISL_RRQ_EA_MASK		(~0xfULL)

#endif /* _LINUX_CXLFLASH_SISLITE_H */
