// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of a guest whose reads are counted: it does what it is told
 *
 * It loads the modules in / and then reads lines from the console,
 *
 *	DEVICE DEPTH READS poll|interrupt THINK BURST PAUSE STRIDE
 *
 * makes READS reads of 4 KiB, each STRIDE blocks behind the last one, DEPTH at a
 * time, by io_uring with a registered file and buffer, and says "GUEST: ran".
 * After each batch it computes for THINK ticks, after each BURST reads (0: never)
 * it sleeps PAUSE us.  Two NOPs mark beginning and end for who counts
 * instructions (insns.c).
 *
 *	fill DEVICE
 *
 * writes its own number to each block that will be read, and the last batch of
 * a job has to find these.  It ends when QEMU is told to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <x86intrin.h>

#define BYTES		4096
#define MAX_DEPTH	128
/* Blocks of the device that are read, all of them if the stride is odd. */
#define BLOCKS		4096

/* A line. */
struct job {
	char device[32];
	unsigned int depth;
	unsigned int reads;
	unsigned int think;
	unsigned int burst;
	unsigned int pause;
	unsigned int stride;
	bool poll;
};

static uint8_t *memory;

static void say(const char *what, int err)
{
	printf("GUEST: %s: %s\n", what, strerror(err));
	fflush(stdout);
}

static void answer(const char *what, int err)
{
	if (err) {
		say(what, err);
		return;
	}
	printf("GUEST: ran\n");
	fflush(stdout);
}

static void insmod(const char *path, const char *options)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, options, 0))
		say(path, errno);
	if (fd >= 0)
		close(fd);
}

static int fill_queue(struct io_uring *ring, unsigned int nr, uint64_t *block,
		      unsigned int stride)
{
	struct io_uring_sqe *sqe;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		sqe = io_uring_get_sqe(ring);
		if (!sqe)
			return -ENOSPC;
		io_uring_prep_read_fixed(sqe, 0, memory + i * BYTES, BYTES,
					 *block * BYTES, 0);
		sqe->flags |= IOSQE_FIXED_FILE;
		sqe->user_data = *block;
		*block = (*block + stride) % BLOCKS;
	}
	return io_uring_submit_and_wait(ring, nr);
}

/* What is complete: how many, or an errno. */
static int reap(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	unsigned int head;
	int got = 0;

	io_uring_for_each_cqe(ring, head, cqe) {
		if (cqe->res != BYTES)
			return cqe->res < 0 ? cqe->res : -EIO;
		got++;
	}
	io_uring_cq_advance(ring, got);
	return got;
}

/* Who polls may be sent back early, to let others run. */
static int batch(struct io_uring *ring, const struct job *job, uint64_t *block)
{
	unsigned int nr = job->depth, got = 0;
	int ret = fill_queue(ring, nr, block, job->stride);

	while (ret >= 0) {
		ret = reap(ring);
		if (ret < 0)
			break;
		got += ret;
		if (got == nr)
			return 0;
		ret = io_uring_submit_and_wait(ring, nr - got);
	}
	return ret;
}

/* Is what the last batch has read what was written there? */
static bool data_are_right(const struct job *job, uint64_t next)
{
	unsigned int i = job->depth;
	uint64_t found;

	while (i--) {
		next = (next + BLOCKS - job->stride) % BLOCKS;
		memcpy(&found, memory + i * BYTES, sizeof(found));
		if (found != next)
			return false;
	}
	return true;
}

/* See insns.c. */
static void mark_begin(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x80, 0x43, 0x58, 0x4d, 0x00" ::: "memory");
}

static void mark_end(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x80, 0x43, 0x58, 0x4d, 0x01" ::: "memory");
}

static int run(struct io_uring *ring, const struct job *job)
{
	unsigned int done, since = 0;
	uint64_t end, block = 0;
	int ret;

	memset(memory, 0xff, MAX_DEPTH * BYTES);
	mark_begin();
	for (done = 0; done < job->reads; done += job->depth) {
		ret = batch(ring, job, &block);
		if (ret)
			return ret;
		for (end = __rdtsc() + job->think; __rdtsc() < end;)
			;
		since += job->depth;
		if (job->burst && since >= job->burst) {
			since = 0;
			usleep(job->pause);
		}
	}
	mark_end();
	return data_are_right(job, block) ? 0 : -EBADMSG;
}

static int run_on(int fd, const struct job *job)
{
	struct iovec iov = { memory, MAX_DEPTH * BYTES };
	struct io_uring ring;
	int ret;

	ret = io_uring_queue_init(MAX_DEPTH, &ring,
				  job->poll ? IORING_SETUP_IOPOLL : 0);
	if (ret)
		return ret;
	ret = io_uring_register_files(&ring, &fd, 1);
	if (!ret)
		ret = io_uring_register_buffers(&ring, &iov, 1);
	if (!ret)
		ret = run(&ring, job);
	io_uring_queue_exit(&ring);
	return ret;
}

static void do_job(const struct job *job)
{
	char path[64];
	int fd, ret;

	snprintf(path, sizeof(path), "/dev/%s", job->device);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	ret = fd < 0 ? -errno : run_on(fd, job);
	if (fd >= 0)
		close(fd);
	answer("failed", -ret);
}

static int fill(const char *device)
{
	uint64_t i;
	char path[64];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "/dev/%s", device);
	fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return errno;
	memset(memory, 0, BYTES);
	for (i = 0; i < BLOCKS && !ret; i++) {
		memcpy(memory, &i, sizeof(i));
		if (pwrite(fd, memory, BYTES, i * BYTES) != BYTES)
			ret = errno;
	}
	if (close(fd) && !ret)
		ret = errno;
	return ret;
}

static bool parse(const char *line, struct job *job)
{
	char mode[16];

	if (sscanf(line, "%31s %u %u %15s %u %u %u %u", job->device, &job->depth,
		   &job->reads, mode, &job->think, &job->burst,
		   &job->pause, &job->stride) != 8)
		return false;
	job->poll = !strcmp(mode, "poll");
	return job->depth && job->depth <= MAX_DEPTH && job->stride < BLOCKS;
}

static void set_up(void)
{
	mkdir("/proc", 0755);
	mount("none", "/proc", "proc", 0, NULL);
	mount("none", "/sys", "sysfs", 0, NULL);
	mount("none", "/dev", "devtmpfs", 0, NULL);
	insmod("/cxlflash.ko", "");
	insmod("/cxlflash_pci.ko", "poll_queues=1");
	if (posix_memalign((void **)&memory, BYTES, MAX_DEPTH * BYTES))
		say("memory", ENOMEM);
}

int main(void)
{
	struct job job;
	char line[256], device[32];

	set_up();
	sleep(2);
	printf("GUEST: up\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "fill %31s", device) == 1)
			answer(device, fill(device));
		else if (parse(line, &job))
			do_job(&job);
		else
			say("what?", EINVAL);
	}
	reboot(RB_AUTOBOOT);
	return 0;
}
