// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a read costs by io_uring: ticks of the time stamp counter, submission
 * and reaping together, in user space and kernel
 *
 * usage: uring_bench DEVICE DEPTH BYTES [fixed] [iopoll]
 * Prints "median least most" per read.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <x86intrin.h>

#define ROUNDS	9
#define WARM_UP	20
#define BATCHES	16

static struct io_uring ring;
static struct iovec iov;
static bool fixed;
static int fd;

static void die(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(err));
	exit(1);
}

static void prepare(unsigned int i, unsigned int bytes)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	uint64_t pos = (uint64_t)i * bytes;

	if (!sqe)
		die("io_uring_get_sqe", ENOSPC);
	if (!fixed) {
		io_uring_prep_read(sqe, fd, iov.iov_base, bytes, pos);
		return;
	}
	io_uring_prep_read_fixed(sqe, 0, iov.iov_base, bytes, pos, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
}

static void batch(unsigned int depth, unsigned int bytes)
{
	struct io_uring_cqe *cqe;
	unsigned int i, head, got = 0;
	int ret;

	for (i = 0; i < depth; i++)
		prepare(i, bytes);
	ret = io_uring_submit_and_wait(&ring, depth);
	if (ret < 0)
		die("io_uring_submit_and_wait", -ret);
	io_uring_for_each_cqe(&ring, head, cqe) {
		if (cqe->res != (int)bytes)
			die("read", cqe->res < 0 ? -cqe->res : EIO);
		got++;
	}
	io_uring_cq_advance(&ring, got);
	if (got != depth)
		die("completions", EIO);
}

static int cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void set_up(unsigned int depth, bool iopoll)
{
	int ret;

	ret = io_uring_queue_init(depth, &ring,
				  iopoll ? IORING_SETUP_IOPOLL : 0);
	if (ret)
		die("io_uring_queue_init", -ret);
	if (!fixed)
		return;
	ret = io_uring_register_files(&ring, &fd, 1);
	if (ret)
		die("io_uring_register_files", -ret);
	ret = io_uring_register_buffers(&ring, &iov, 1);
	if (ret)
		die("io_uring_register_buffers", -ret);
}

int main(int argc, char **argv)
{
	uint64_t ticks[ROUNDS], begin;
	unsigned int depth, bytes, i, j;
	bool iopoll = false;

	if (argc < 4)
		die("usage: uring_bench DEVICE DEPTH BYTES [fixed] [iopoll]",
		    EINVAL);
	depth = strtoul(argv[2], NULL, 0);
	bytes = strtoul(argv[3], NULL, 0);
	for (i = 4; i < (unsigned int)argc; i++) {
		fixed |= !strcmp(argv[i], "fixed");
		iopoll |= !strcmp(argv[i], "iopoll");
	}
	fd = open(argv[1], O_RDONLY | O_DIRECT);
	if (fd < 0)
		die(argv[1], errno);
	iov.iov_len = bytes;
	if (posix_memalign(&iov.iov_base, 4096, bytes))
		die("memory", ENOMEM);
	memset(iov.iov_base, 1, bytes);
	set_up(depth, iopoll);
	for (i = 0; i < WARM_UP; i++)
		batch(depth, bytes);
	for (i = 0; i < ROUNDS; i++) {
		begin = __rdtsc();
		for (j = 0; j < BATCHES; j++)
			batch(depth, bytes);
		ticks[i] = (__rdtsc() - begin) / (BATCHES * depth);
		usleep(20000);
	}
	qsort(ticks, ROUNDS, sizeof(*ticks), cmp);
	printf("%llu %llu %llu\n", (unsigned long long)ticks[ROUNDS / 2],
	       (unsigned long long)ticks[0],
	       (unsigned long long)ticks[ROUNDS - 1]);
	return 0;
}
