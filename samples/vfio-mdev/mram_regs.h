/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mram: what a driver of the device sees
 *
 * Plain C for the kernel, for guests and for user space.
 *
 *   BAR 0  4 KiB, the doorbell: the registers below.  Each is 32 bits, little
 *          endian, and wants aligned 32-bit writes.
 *   BAR 2  64-bit, prefetchable: the RAM.
 *
 * To copy: write ADDR, OFFSET and LEN, then CMD.  The device is BUSY until
 * the command is over; it then sets DONE or ERROR in STATUS, the cause in
 * ERROR, the bytes that got across in DONE_LEN, and MRAM_IRQ_DONE in
 * IRQ_STATUS.  If IRQ_ENABLE has that bit too, an MSI is sent, or INTx is
 * held until IRQ_STATUS has been cleared by writing ones.
 *
 * Like hardware, the device answers only while memory decoding is on, and
 * reaches guest memory only while bus mastering is on.
 */
#ifndef MRAM_REGS_H
#define MRAM_REGS_H

#define MRAM_BAR_BELL		0
#define MRAM_BAR_RAM		2

#define MRAM_BELL_BYTES		4096

/* Read-only: MRAM_ID_VALUE, MRAM_VERSION_VALUE, bytes of RAM */
#define MRAM_REG_ID		0x00
#define MRAM_REG_VERSION	0x04
#define MRAM_REG_RAM_BYTES	0x08
/* Read-only: MRAM_STATUS_*, MRAM_ERR_*, bytes copied, commands completed */
#define MRAM_REG_STATUS		0x0c
#define MRAM_REG_ERROR		0x10
#define MRAM_REG_DONE_LEN	0x14
#define MRAM_REG_COUNT		0x18
/* The command: address in guest memory, offset in RAM, bytes */
#define MRAM_REG_ADDR_LO	0x20
#define MRAM_REG_ADDR_HI	0x24
#define MRAM_REG_OFFSET		0x28
#define MRAM_REG_LEN		0x2c
/* Writing starts a command (MRAM_CMD_*); reads as zero */
#define MRAM_REG_CMD		0x30
/* MRAM_IRQ_*: write ones to clear, and which of them interrupt */
#define MRAM_REG_IRQ_STATUS	0x34
#define MRAM_REG_IRQ_ENABLE	0x38
/* Keeps what is written; read-only: pages of guest memory pinned now */
#define MRAM_REG_SCRATCH	0x3c
#define MRAM_REG_PINNED		0x40

#define MRAM_ID_VALUE		0x4d41524d
#define MRAM_VERSION_VALUE	1

/* One direction, and how to go about it */
#define MRAM_CMD_TO_RAM		1
#define MRAM_CMD_TO_GUEST	2
#define MRAM_CMD_DIRECTION	3
/* through pinned pages, which stay pinned, instead of a copy by address */
#define MRAM_CMD_PIN		0x10
/* do not hold up the processor that rang the doorbell */
#define MRAM_CMD_ASYNC		0x20
#define MRAM_CMD_MASK		(MRAM_CMD_DIRECTION | MRAM_CMD_PIN | \
				 MRAM_CMD_ASYNC)

#define MRAM_STATUS_BUSY	1
#define MRAM_STATUS_DONE	2
#define MRAM_STATUS_ERROR	4
/* a command was written while another was busy, and ignored */
#define MRAM_STATUS_LOST	8

#define MRAM_ERR_NONE		0
#define MRAM_ERR_CMD		1	/* no such command */
#define MRAM_ERR_RANGE		2	/* LEN is zero or exceeds the RAM */
#define MRAM_ERR_MASTER		3	/* bus mastering is off */
#define MRAM_ERR_DMA		4	/* guest memory could not be reached */

#define MRAM_IRQ_DONE		1

#endif /* MRAM_REGS_H */
