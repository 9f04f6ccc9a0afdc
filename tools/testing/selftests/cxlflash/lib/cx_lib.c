// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that drives raw contexts of a software CXL flash adapter
 */
#include "cx_lib.h"

#include <time.h>

#define RRQ_DEFAULT	(CX_PAGE / 8)

long long cx_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

uint64_t cx_ea(uint64_t off)
{
	return CXTEST_BASE + off;
}

struct cx_slot *cx_slot(struct cx *cx, unsigned int i)
{
	return (struct cx_slot *)(cx->arena + CX_SLOT_OFF) + i;
}

uint8_t *cx_data(struct cx *cx, uint64_t off)
{
	return cx->arena + CX_DATA_OFF + off;
}

uint64_t cx_read(struct cx *cx, uint32_t reg)
{
	struct cxtest_mmio mmio = { .reg = reg };

	if (ioctl(cx->fd, CXTEST_READ, &mmio))
		abort();
	return mmio.val;
}

void cx_write(struct cx *cx, uint32_t reg, uint64_t val)
{
	struct cxtest_mmio mmio = { .reg = reg, .val = val };

	if (ioctl(cx->fd, CXTEST_WRITE, &mmio))
		abort();
}

static int cx_ioctl(struct cx *cx, unsigned long cmd, void *arg)
{
	return ioctl(cx->fd, cmd, arg) ? -errno : 0;
}

int cx_do(struct cx *cx, uint32_t what, uint32_t arg)
{
	struct cxtest_do cmd = { .what = what, .arg = arg };

	return cx_ioctl(cx, CXTEST_DO, &cmd);
}

int cx_pages(struct cx *cx, uint64_t off, uint64_t len, uint32_t how,
	     uint32_t drain_ms)
{
	struct cxtest_pages pages = {
		.first = off / CX_PAGE,
		.nr = (off + len + CX_PAGE - 1) / CX_PAGE - off / CX_PAGE,
		.how = how,
		.drain = drain_ms,
	};

	return cx_ioctl(cx, CXTEST_PAGES, &pages);
}

struct cxtest_events cx_events(struct cx *cx)
{
	struct cxtest_events events;

	if (cx_ioctl(cx, CXTEST_EVENTS, &events))
		abort();
	return events;
}

int cx_handle(struct cx *cx, unsigned int port, uint64_t lun, uint32_t flags,
	      uint64_t nr_chunks)
{
	struct cxtest_handle h = {
		.port = port,
		.lun_id = lun,
		.flags = flags,
		.nr_chunks = nr_chunks,
	};
	int ret = cx_ioctl(cx, CXTEST_OPEN, &h);

	return ret ? ret : (int)h.handle;
}

int cx_resize(struct cx *cx, int handle, uint64_t *nr_chunks)
{
	struct cxtest_handle h = { .handle = handle, .nr_chunks = *nr_chunks };
	int ret = cx_ioctl(cx, CXTEST_RESIZE, &h);

	if (!ret)
		*nr_chunks = h.nr_chunks;
	return ret;
}

int cx_handle_close(struct cx *cx, int handle)
{
	struct cxtest_handle h = { .handle = handle };

	return cx_ioctl(cx, CXTEST_CLOSE, &h);
}

void cx_rrq(struct cx *cx, unsigned int entries)
{
	memset(cx->arena + CX_RRQ_OFF, 0, CX_PAGE);
	cx->rrq_entries = entries;
	cx->rrq_next = 0;
	cx->toggle = 1;
	cx_write(cx, R_RRQ_START, cx_ea(CX_RRQ_OFF));
	cx_write(cx, R_RRQ_END, cx_ea(CX_RRQ_OFF) + (entries - 1) * 8);
}

void cx_sq(struct cx *cx, unsigned int entries)
{
	cx->sq = true;
	cx->sq_tail = 0;
	cx->sq_entries = entries;
	cx_write(cx, R_SQ_START, cx_ea(CX_SQ_OFF));
	cx_write(cx, R_SQ_END, cx_ea(CX_SQ_OFF) + (entries - 1) * 64);
}

int cx_open(struct cx *cx, const char *adapter, uint64_t caps, uint32_t room,
	    uint32_t service, uint32_t flags)
{
	struct cxtest_create create = {
		.caps = caps,
		.cmd_room = room,
		.service = service,
		.flags = flags,
		.nr_pages = CX_ARENA_PAGES,
	};
	int ret;

	memset(cx, 0, sizeof(*cx));
	snprintf(create.adapter, sizeof(create.adapter), "%s", adapter);
	cx->fd = open("/dev/cxtest", O_RDWR | O_CLOEXEC);
	if (cx->fd < 0)
		return -errno;
	ret = cx_ioctl(cx, CXTEST_CREATE, &create);
	if (ret)
		goto err_close;
	cx->id = create.id;
	cx->arena = mmap(NULL, (size_t)CX_ARENA_PAGES * CX_PAGE,
			 PROT_READ | PROT_WRITE, MAP_SHARED, cx->fd, 0);
	if (cx->arena == MAP_FAILED) {
		ret = -errno;
		goto err_close;
	}
	cx_rrq(cx, RRQ_DEFAULT);
	return 0;

err_close:
	close(cx->fd);
	cx->fd = -1;
	return ret;
}

void cx_close(struct cx *cx)
{
	if (cx->fd < 0)
		return;
	munmap(cx->arena, (size_t)CX_ARENA_PAGES * CX_PAGE);
	close(cx->fd);
	cx->fd = -1;
}

static uint16_t cx16(const struct cx *cx, uint16_t v)
{
	return cx->be ? htobe16(v) : htole16(v);
}

static uint32_t cx32(const struct cx *cx, uint32_t v)
{
	return cx->be ? htobe32(v) : htole32(v);
}

static uint64_t cx64(const struct cx *cx, uint64_t v)
{
	return cx->be ? htobe64(v) : htole64(v);
}

struct cx_arcb *cx_prepare(struct cx *cx, unsigned int i, uint16_t flags,
			   uint32_t hndl, const void *cdb, size_t cdb_len,
			   uint64_t off, uint32_t len)
{
	struct cx_slot *slot = cx_slot(cx, i);
	struct cx_arcb *arcb = &slot->arcb;

	memset(arcb, 0, sizeof(*arcb));
	memset(&slot->asa, 0, offsetof(struct cx_asa, mine));
	memset(slot->asa.mine, 0x5a, sizeof(slot->asa.mine));
	arcb->ctx_id = cx16(cx, cx->id);
	arcb->flags = cx16(cx, flags);
	arcb->hndl = cx32(cx, hndl);
	arcb->data_len = cx32(cx, len);
	arcb->data_ea = cx64(cx, cx_ea(CX_DATA_OFF + off));
	arcb->ioasa_ea = cx64(cx, cx_ea(CX_SLOT_OFF + i * 128 + 64));
	memcpy(arcb->cdb, cdb, cdb_len);
	cx->done[i] = false;
	return arcb;
}

static void cx_put_sq(struct cx *cx, unsigned int i)
{
	cx->busy[i] = true;
	memcpy(cx->arena + CX_SQ_OFF + cx->sq_tail * 64,
	       &cx_slot(cx, i)->arcb, 64);
	cx->sq_tail = (cx->sq_tail + 1) % cx->sq_entries;
}

void cx_submit(struct cx *cx, unsigned int i)
{
	if (cx->sq) {
		cx_put_sq(cx, i);
		cx_write(cx, R_SQ_TAIL, cx_ea(CX_SQ_OFF + cx->sq_tail * 64));
		return;
	}
	cx->busy[i] = true;
	cx_write(cx, R_IOARRIN, cx_ea(CX_SLOT_OFF + i * 128));
}

void cx_submit_batch(struct cx *cx, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		cx_put_sq(cx, i);
	cx_write(cx, R_SQ_TAIL, cx_ea(CX_SQ_OFF + cx->sq_tail * 64));
}

bool cx_reap(struct cx *cx)
{
	uint64_t *ring = (uint64_t *)(cx->arena + CX_RRQ_OFF);
	uint64_t entry = __atomic_load_n(&ring[cx->rrq_next], __ATOMIC_ACQUIRE);
	uint64_t off;

	entry = cx64(cx, entry);
	if ((entry & 1) != cx->toggle || !entry)
		return false;
	if (++cx->rrq_next == cx->rrq_entries) {
		cx->rrq_next = 0;
		cx->toggle ^= 1;
	}
	off = (entry & ~15ULL) - cx_ea(CX_SLOT_OFF);
	if (cx->sq)
		off -= 64;
	if (off % 128 || off / 128 >= CX_NR_SLOTS || !cx->busy[off / 128]) {
		cx->strays++;
		return true;
	}
	cx->busy[off / 128] = false;
	cx->done[off / 128] = true;
	return true;
}

int cx_wait(struct cx *cx, unsigned int i, unsigned int ms)
{
	long long end = cx_now_ms() + ms;

	while (!cx->done[i]) {
		if (cx_reap(cx))
			continue;
		if (cx_now_ms() > end)
			return -ETIMEDOUT;
		usleep(100);
	}
	return 0;
}

int cx_run_batch(struct cx *cx, unsigned int nr)
{
	int ret;

	cx_submit_batch(cx, nr);
	for (unsigned int i = 0; i < nr; i++) {
		ret = cx_wait(cx, i, CX_PATIENCE_MS);
		if (ret)
			return ret;
	}
	return 0;
}

uint32_t cx_status(struct cx *cx, unsigned int i)
{
	struct cx_asa *asa = &cx_slot(cx, i)->asa;

	return ST(asa->flags, asa->afu_rc, asa->scsi_rc, asa->fc_rc);
}

uint32_t cx_resid(struct cx *cx, unsigned int i)
{
	return cx32(cx, cx_slot(cx, i)->asa.resid);
}

uint32_t cx_sense(struct cx *cx, unsigned int i)
{
	uint8_t *sense = cx_slot(cx, i)->asa.sense;

	return (sense[2] & 15) << 16 | sense[12] << 8 | sense[13];
}

void cx_cdb_rw(uint8_t cdb[16], bool write, uint64_t lba, uint32_t blocks)
{
	memset(cdb, 0, 16);
	cdb[0] = write ? 0x8a : 0x88;
	for (int i = 0; i < 8; i++)
		cdb[2 + i] = lba >> (56 - 8 * i);
	for (int i = 0; i < 4; i++)
		cdb[10 + i] = blocks >> (24 - 8 * i);
}

int64_t cx_rw(struct cx *cx, unsigned int i, bool write, int handle,
	      uint64_t lba, uint32_t blocks, uint64_t off, uint32_t len)
{
	uint8_t cdb[16];
	int ret;

	cx_cdb_rw(cdb, write, lba, blocks);
	cx_prepare(cx, i, F_HNDL | (write ? F_WRITE : 0), handle, cdb, 16, off,
		   len);
	cx_submit(cx, i);
	ret = cx_wait(cx, i, CX_PATIENCE_MS);
	return ret ? ret : cx_status(cx, i);
}

int64_t cx_scsi(struct cx *cx, unsigned int i, uint64_t lun, const void *cdb,
		size_t cdb_len, uint64_t off, uint32_t len, bool write)
{
	struct cx_arcb *arcb;
	int ret;

	arcb = cx_prepare(cx, i, F_SUP_UNDERRUN | (write ? F_WRITE : 0), 1, cdb,
			  cdb_len, off, len);
	arcb->lun_id = cx64(cx, lun);
	cx_submit(cx, i);
	ret = cx_wait(cx, i, CX_PATIENCE_MS);
	return ret ? ret : cx_status(cx, i);
}

void cx_fill(void *to, size_t len, uint32_t seed)
{
	uint8_t *at = to;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		at[i] = seed >> 24;
	}
}

bool cx_check(const void *at, size_t len, uint32_t seed)
{
	const uint8_t *p = at;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		if (p[i] != seed >> 24)
			return false;
	}
	return true;
}
