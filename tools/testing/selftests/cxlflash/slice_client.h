/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver of slices in user space, for tests: what a guest's driver does, by
 * VFIO
 *
 * It knows SISlite and the function's registers by itself.  Each queue has a
 * submission queue with a shadow tail, a status for each slot and a response
 * ring, in "guest memory", which is mapped at CLIENT_IOVA.
 */
#ifndef SLICE_CLIENT_H
#define SLICE_CLIENT_H

#include <endian.h>
#include <sys/mount.h>

#include <linux/pci_regs.h>

#include "cx_lib.h"
#include "vfio_lib.h"

#define RESET_WAIT	"/sys/module/cxlflash_afu/parameters/reset_wait_ms"
#define CLIENT_IOVA	0x7fff00000ULL	/* not aligned to 2 MiB */
#define CLIENT_MEM	(8U << 20)
#define CLIENT_DATA	(1U << 20)	/* where data begin */
#define CLIENT_DEPTH	128
#define CLIENT_QUEUES	16
#define CLIENT_AREA	0x10000ULL	/* of a queue, in memory and in BAR 0 */

/* In a queue's area of memory. */
#define CLIENT_RRQ	0x0000
#define CLIENT_SHADOW	0x1000
#define CLIENT_SQ	0x2000
#define CLIENT_ASA	0x4000

/* Registers of the function. */
#define S_MAGIC		0x8000
#define S_VERSION	0x8008
#define S_NR_QUEUES	0x8010
#define S_DEPTH		0x8018
#define S_CTX_ID	0x8020
#define S_NR_BLOCKS	0x8028
#define S_BLOCK_SIZE	0x8030
#define S_FLAGS		0x8038
#define S_EVENTS	0x8040
#define S_UUID_HIGH	0x8048
#define S_UUID_LOW	0x8050

#define S_VENDOR	0xf1a5
#define S_DEVICE	0x0010
#define S_CLASS		0x018000

#define CLIENT_BLOCK	4096
#define CLIENT_ENOENT	0xdead0000u	/* it never completed */

/**
 * struct client_queue - a queue
 * @tail: IOARCBs ever put into the submission queue
 * @next: entry of the response ring to look at
 * @toggle: that it will have
 * @ctx_id: for IOARCBs
 * @done: by slot: it has completed
 */
struct client_queue {
	uint64_t tail;
	unsigned int next;
	uint64_t toggle;
	uint16_t ctx_id;
	bool done[CLIENT_DEPTH];
};

/**
 * struct client - an open slice
 * @u: its descriptors
 * @regs: file offset of BAR 0
 * @msix: file offset of BAR 2
 * @cfg: file offset of configuration space
 * @mem: "guest memory"
 * @nr_queues: as the function says
 * @nr_blocks: the same
 * @q: queues
 * @gone: called when the device turns out to be removed, and does not return;
 *	NULL: that fails the test
 */
struct client {
	struct vfio_user u;
	uint64_t regs;
	uint64_t msix;
	uint64_t cfg;
	uint8_t *mem;
	unsigned int nr_queues;
	uint64_t nr_blocks;
	struct client_queue q[CLIENT_QUEUES];
	void (*gone)(struct client *c);
};

#define CLIENT_RAMDISK	"modprobe -qr brd; modprobe brd rd_nr=1 rd_size=786432"
#define CLIENT_TYPES	"/sys/class/mdev_bus/sv/mdev_supported_types"

/* --- the world: adapter "sv" with a formatted LUN "sv" */

static inline void client_world_end(void)
{
	cx_adapter_remove("sv");
	cx_set("0", "luns/sv/active");
	cx_lun_remove("sv");
}

/* A block store is on a RAM disk of 768 MiB, which is made anew. */
static inline void client_world(const char *store, const char *path,
				const char *size)
{
	if (!vfio_module_loaded("cxlflash_mdev"))
		vfio_module_load("cxlflash_mdev", NULL);
	if (access("/sys/kernel/config/cxlflash", F_OK))
		mount("none", "/sys/kernel/config", "configfs", 0, NULL);
	client_world_end();
	if (!strcmp(store, "block"))
		VFIO_CHECK(!system(CLIENT_RAMDISK));
	VFIO_CHECK(!cx_lun_make("sv", store, path, size, CLIENT_BLOCK));
	/* Whatever was there before. */
	VFIO_CHECK(!cx_set("force", "luns/sv/format"));
	VFIO_CHECK(!cx_set("1", "luns/sv/active"));
	VFIO_CHECK(!cx_adapter_make("sv"));
	VFIO_CHECK(!cx_set("0", "adapters/sv/host"));
	VFIO_CHECK(!cx_adapter_link("sv", 0, 0, "sv"));
	VFIO_CHECK(!cx_adapter_live("sv", true));
	vfio_need_parent("sv");
	VFIO_CHECK(!access(CLIENT_TYPES "/cxlflash-sv-rest/create", F_OK));
}

/* --- registers */

/* An access has failed: the device is gone, or this is a failure. */
static inline void client_need(struct client *c, bool ok)
{
	if (ok)
		return;
	if (errno == ENODEV && c->gone)
		c->gone(c);
	VFIO_FAIL("an access failed: %s", strerror(errno));
}

static inline uint64_t client_get(struct client *c, unsigned int q,
				  uint32_t reg)
{
	uint64_t v;

	client_need(c, pread(c->u.device, &v, 8, c->regs + q * CLIENT_AREA +
			     reg) == 8);
	return be64toh(v);
}

static inline void client_put(struct client *c, unsigned int q, uint32_t reg,
			      uint64_t value)
{
	uint64_t v = htobe64(value);

	client_need(c, pwrite(c->u.device, &v, 8, c->regs + q * CLIENT_AREA +
			      reg) == 8);
}

static inline uint32_t client_cfg(struct client *c, uint32_t pos, int bytes)
{
	uint32_t v = 0;

	client_need(c, pread(c->u.device, &v, bytes, c->cfg + pos) == bytes);
	return v;
}

static inline void client_cfg_put(struct client *c, uint32_t pos, int bytes,
				  uint32_t v)
{
	client_need(c, pwrite(c->u.device, &v, bytes, c->cfg + pos) == bytes);
}

static inline void client_command(struct client *c, uint16_t command)
{
	client_cfg_put(c, PCI_COMMAND, 2, command);
}

/* The place of a capability; 0 if there is none. */
static inline uint32_t client_cap(struct client *c, uint8_t id)
{
	uint32_t pos = client_cfg(c, PCI_CAPABILITY_LIST, 1);
	int i;

	for (i = 0; pos && i < 48; i++) {
		if (client_cfg(c, pos, 1) == id)
			return pos;
		pos = client_cfg(c, pos + 1, 1);
	}
	return 0;
}

/* --- queues */

static inline uint8_t *client_mem(struct client *c, unsigned int q,
				  uint32_t off)
{
	return c->mem + q * CLIENT_AREA + off;
}

static inline uint64_t client_ea(unsigned int q, uint32_t off)
{
	return CLIENT_IOVA + q * CLIENT_AREA + off;
}

static inline struct cx_asa *client_asa(struct client *c, unsigned int q,
					unsigned int slot)
{
	return (struct cx_asa *)client_mem(c, q, CLIENT_ASA) + slot;
}

/* Set up what a reset has forgotten. */
static inline void client_queue_start(struct client *c, unsigned int q)
{
	struct client_queue *cq = &c->q[q];

	memset(client_mem(c, q, 0), 0, CLIENT_AREA);
	memset(cq, 0, sizeof(*cq));
	cq->toggle = 1;
	cq->ctx_id = client_get(c, q, S_CTX_ID);
	client_put(c, q, R_ENDIAN, 0);
	client_put(c, q, R_RRQ_START, client_ea(q, CLIENT_RRQ));
	client_put(c, q, R_RRQ_END, client_ea(q, CLIENT_RRQ) +
		   (CLIENT_DEPTH - 1) * 8);
	client_put(c, q, R_SQ_START, client_ea(q, CLIENT_SQ));
	client_put(c, q, R_SQ_END, client_ea(q, CLIENT_SQ) +
		   (CLIENT_DEPTH - 1) * 64);
	client_put(c, q, R_SHADOW, client_ea(q, CLIENT_SHADOW));
	client_put(c, q, R_CTX_CTRL, 1);
}

/* Put an IOARCB, whose ioasa_ea is filled in here, into the queue; its slot. */
static inline unsigned int client_submit(struct client *c, unsigned int q,
					 struct cx_arcb *arcb)
{
	uint64_t *shadow = (void *)client_mem(c, q, CLIENT_SHADOW);
	struct client_queue *cq = &c->q[q];
	unsigned int slot = cq->tail % CLIENT_DEPTH;

	arcb->ctx_id = cq->ctx_id;
	arcb->ioasa_ea = client_ea(q, CLIENT_ASA) + slot * 64;
	memset(client_asa(c, q, slot), 0, 32);
	cq->done[slot] = false;
	memcpy(client_mem(c, q, CLIENT_SQ) + slot * 64, arcb, 64);
	__atomic_store_n(&shadow[0], ++cq->tail, __ATOMIC_RELEASE);
	/* Paired with the engine's: event, barrier, tail. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&shadow[1], __ATOMIC_RELAXED) == cq->tail - 1)
		client_put(c, q, R_KICK, 1);
	return slot;
}

/* Take what there is in the response ring. */
static inline void client_reap(struct client *c, unsigned int q)
{
	uint64_t *rrq = (void *)client_mem(c, q, CLIENT_RRQ);
	struct client_queue *cq = &c->q[q];
	uint64_t entry, slot;

	for (;;) {
		entry = __atomic_load_n(&rrq[cq->next], __ATOMIC_ACQUIRE);
		if (!entry || (entry & 1) != cq->toggle)
			return;
		slot = ((entry & ~15ULL) - client_ea(q, CLIENT_ASA)) / 64;
		VFIO_CHECK(slot < CLIENT_DEPTH);
		VFIO_CHECK(!cq->done[slot]);
		cq->done[slot] = true;
		if (++cq->next == CLIENT_DEPTH) {
			cq->next = 0;
			cq->toggle ^= 1;
		}
	}
}

/* The first word of its status: 0 is good. */
static inline uint32_t client_wait(struct client *c, unsigned int q,
				   unsigned int slot, unsigned int ms)
{
	uint64_t end = vfio_now_ms() + ms;
	uint32_t rc;

	for (;;) {
		client_reap(c, q);
		if (c->q[q].done[slot])
			break;
		if (vfio_now_ms() > end)
			return CLIENT_ENOENT;
		usleep(50);
	}
	memcpy(&rc, client_asa(c, q, slot), 4);
	return rc;
}

static inline void client_arcb_rw(struct cx_arcb *arcb, bool write,
				  uint64_t lba, uint32_t blocks, uint64_t iova)
{
	*arcb = (struct cx_arcb){
		.flags = F_HNDL | (write ? F_WRITE : 0),
		.data_len = blocks * CLIENT_BLOCK,
		.data_ea = iova,
	};
	cx_cdb_rw(arcb->cdb, write, lba, blocks);
}

#define CLIENT_MS	60000

/* Read or write, and wait. */
static inline uint32_t client_rw(struct client *c, unsigned int q, bool write,
				 uint64_t lba, uint32_t blocks, uint64_t iova)
{
	struct cx_arcb arcb;

	client_arcb_rw(&arcb, write, lba, blocks, iova);
	return client_wait(c, q, client_submit(c, q, &arcb), CLIENT_MS);
}

/* --- life */

static inline uint64_t client_region(struct client *c, uint32_t index)
{
	struct vfio_region_info info;

	errno = -__vfio_region_info(c->u.device, index, &info);
	client_need(c, !errno);
	return info.offset;
}

/* Regions, memory decoding, bus mastering, queues. */
static inline void client_start(struct client *c)
{
	unsigned int q;

	c->regs = client_region(c, VFIO_PCI_BAR0_REGION_INDEX);
	c->msix = client_region(c, VFIO_PCI_BAR2_REGION_INDEX);
	c->cfg = client_region(c, VFIO_PCI_CONFIG_REGION_INDEX);
	client_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	c->nr_queues = client_get(c, 0, S_NR_QUEUES);
	c->nr_blocks = client_get(c, 0, S_NR_BLOCKS);
	VFIO_CHECK(c->nr_queues && c->nr_queues <= CLIENT_QUEUES);
	for (q = 0; q < c->nr_queues; q++)
		client_queue_start(c, q);
}

static inline void client_open_type(struct client *c, const char *type)
{
	vfio_user_open(&c->u, "sv", type);
	c->mem = vfio_mem_alloc(CLIENT_MEM);
	vfio_map(c->u.container, c->mem, CLIENT_IOVA, CLIENT_MEM);
	client_start(c);
}

static inline void client_open(struct client *c)
{
	client_open_type(c, "cxlflash-sv-rest");
}

/* Open the device itself once more, in two steps. */
static inline void client_reopen_begin(struct client *c)
{
	close(c->u.device);
}

static inline void client_reopen_end(struct client *c)
{
	c->u.device = vfio_group_get_device(c->u.group, c->u.uuid);
	client_start(c);
}

static inline void client_reopen(struct client *c)
{
	client_reopen_begin(c);
	client_reopen_end(c);
}

static inline void client_close(struct client *c)
{
	vfio_user_close(&c->u);
	vfio_mem_free(c->mem, CLIENT_MEM);
}

#endif /* SLICE_CLIENT_H */
