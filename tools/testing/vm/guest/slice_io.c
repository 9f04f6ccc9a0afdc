// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: I/O that is verified, and what has been promised
 *
 * Some workers write records to a file, each to slots of its own, in turn, with
 * O_DIRECT and O_DSYNC: a record that write() has returned is safe.  Every now
 * and then a worker reads one of its records back, and it must be the last one
 * that was written there, so neither may a write be lost nor may an older one
 * land after a newer.
 *
 *	slice_io busy FILE DISK
 *		for ever, with a line every now and then:
 *		"beat N moving acked A,B,C,D": the last record of each worker,
 *		and whether all of them have made progress; DISK is the name
 *		below /sys/block.  When that has gone it says so, and lives on.
 *	slice_io check FILE A,B,C,D
 *		after a reboot, or in another guest: is all of it still there?
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS		4
#define SLOTS		64	/* of a worker */
#define RECORD		4096
#define BEAT_MS		500
#define MAGIC		0x736c696365696f21ULL

/* A record: who wrote it, and words that only this one has. */
struct record {
	uint64_t magic;
	uint64_t worker;
	uint64_t seq;
	uint64_t word[RECORD / 8 - 3];
};

/* What a worker tells the others, in shared memory. */
struct worker {
	_Atomic uint64_t acked;		/* last record that is safe; 0: none */
	_Atomic uint64_t errors;
	_Atomic int err;
};

static struct worker *workers;

static void fill(struct record *rec, uint64_t worker, uint64_t seq)
{
	uint64_t x = seq * 0x9e3779b97f4a7c15ULL + worker;
	size_t i;

	rec->magic = MAGIC;
	rec->worker = worker;
	rec->seq = seq;
	for (i = 0; i < sizeof(rec->word) / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		rec->word[i] = x;
	}
}

static off_t place(uint64_t worker, uint64_t slot)
{
	return (worker * SLOTS + slot) * RECORD;
}

static struct record *new_record(void)
{
	struct record *rec = aligned_alloc(RECORD, sizeof(*rec));

	if (!rec)
		exit(2);
	return rec;
}

/* Is what was read whole, and the one that is expected? */
static bool is_right(const struct record *rec, uint64_t worker, uint64_t seq)
{
	static struct record want;

	fill(&want, worker, seq);
	return !memcmp(rec, &want, sizeof(want));
}

static void failed(struct worker *me, int err)
{
	me->err = err;
	me->errors++;
	usleep(100000);
}

/* The one that is in @seq's slot, if @last is the last one that was written. */
static uint64_t newest_before(uint64_t slot, uint64_t last)
{
	return last - (last - slot) % SLOTS;
}

static void verify_one(int fd, struct worker *me, uint64_t id,
		       struct record *rec)
{
	uint64_t slot = rand() % SLOTS, seq;

	if (me->acked < 2 * SLOTS)
		return;
	seq = newest_before(slot, me->acked);
	if (pread(fd, rec, sizeof(*rec), place(id, slot)) != sizeof(*rec)) {
		failed(me, errno);
		return;
	}
	/* One whose write() failed may be there all the same. */
	if (!is_right(rec, id, seq) &&
	    !(seq + SLOTS == me->acked + 1 && is_right(rec, id, seq + SLOTS))) {
		printf("GUEST: WRONG worker %lu slot %lu has %lu, not %lu\n",
		       id, slot, rec->seq, seq);
	}
}

static void work(const char *path, uint64_t id)
{
	struct worker *me = &workers[id];
	struct record *rec = new_record();
	uint64_t seq = 1;
	int fd;

	srand(id + 1);
	while ((fd = open(path, O_RDWR | O_DIRECT | O_DSYNC)) < 0)
		failed(me, errno);
	for (;;) {
		fill(rec, id, seq);
		if (pwrite(fd, rec, sizeof(*rec), place(id, seq % SLOTS)) !=
		    sizeof(*rec)) {
			/* Perhaps it was written: the same once more. */
			failed(me, errno);
			continue;
		}
		me->acked = seq++;
		verify_one(fd, me, id, rec);
	}
}

static bool has_disk(const char *disk)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/block/%.20s", disk);
	return !access(path, F_OK);
}

/* Return: have all made progress since? */
static bool all_moved(uint64_t *before)
{
	bool moved = true;
	int i;

	for (i = 0; i < WORKERS; i++) {
		moved &= workers[i].acked != before[i];
		before[i] = workers[i].acked;
	}
	return moved;
}

static void report_errors(uint64_t *before)
{
	int i;

	for (i = 0; i < WORKERS; i++) {
		if (workers[i].errors && !before[i])
			printf("GUEST: error worker %d after record %lu: %s\n",
			       i, workers[i].acked, strerror(workers[i].err));
		before[i] = workers[i].errors;
	}
}

static void tell(const char *disk)
{
	uint64_t acked[WORKERS] = { }, errors[WORKERS] = { };
	unsigned long nr = 0;
	bool gone = false;

	for (;;) {
		usleep(BEAT_MS * 1000);
		report_errors(errors);
		if (!gone && !has_disk(disk)) {
			gone = true;
			printf("GUEST: gone: disk %s\n", disk);
		}
		printf("GUEST: beat %lu %s acked %lu,%lu,%lu,%lu\n", ++nr,
		       gone ? "without disk" :
		       all_moved(acked) ? "moving" : "waiting",
		       workers[0].acked, workers[1].acked, workers[2].acked,
		       workers[3].acked);
	}
}

static int be_busy(const char *path, const char *disk)
{
	off_t bytes = WORKERS * SLOTS * RECORD;
	int fd, i;

	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || posix_fallocate(fd, 0, bytes) || fsync(fd)) {
		printf("GUEST: cannot make %s: %s\n", path, strerror(errno));
		return 1;
	}
	close(fd);
	workers = mmap(NULL, sizeof(*workers) * WORKERS, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (workers == MAP_FAILED)
		return 1;
	for (i = 0; i < WORKERS; i++)
		if (!fork())
			work(path, i);
	printf("GUEST: busy\n");
	tell(disk);
	return 0;
}

/* One worker's slots: whole records, none older than what was promised. */
static unsigned int check_worker(int fd, uint64_t id, uint64_t acked,
				 struct record *rec)
{
	uint64_t slot, least;
	unsigned int bad = 0;

	if (acked < SLOTS)
		return 0;
	for (slot = 0; slot < SLOTS; slot++) {
		least = newest_before(slot, acked);
		if (pread(fd, rec, sizeof(*rec), place(id, slot)) ==
		    sizeof(*rec) && rec->seq >= least &&
		    rec->seq % SLOTS == slot && is_right(rec, id, rec->seq))
			continue;
		printf("GUEST: LOST worker %lu slot %lu has %lu, not %lu\n",
		       id, slot, rec->seq, least);
		bad++;
	}
	return bad;
}

static int check(const char *path, char *acked)
{
	struct record *rec = new_record();
	int fd = open(path, O_RDONLY | O_DIRECT);
	unsigned int bad = 0;
	uint64_t id;

	if (fd < 0) {
		printf("GUEST: %s: %s\n", path, strerror(errno));
		return 1;
	}
	for (id = 0; id < WORKERS; id++) {
		bad += check_worker(fd, id, strtoull(acked, &acked, 10), rec);
		if (*acked == ',')
			acked++;
	}
	return bad != 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && !strcmp(argv[1], "busy"))
		return be_busy(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "check"))
		return check(argv[2], argv[3]);
	fprintf(stderr, "usage: slice_io busy FILE DISK; check FILE ACKED\n");
	return 2;
}
