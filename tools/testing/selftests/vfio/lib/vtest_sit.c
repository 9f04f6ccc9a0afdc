// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process may be doing with a device when that is removed
 *
 * Each *situation* is something that a child process does: it holds the device,
 * maps it, has pages pinned, sleeps in it, is stopped, waits for a page fault
 * that nobody answers.  A situation may also be one in which the child is
 * killed by the removal: a task that waits inside a callback with user memory
 * in hand.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "vtest_sit.h"

#define PAGE		4096
#define IOVA		0x100000ULL
#define NR_PINS		16
#define READY_MS	(10000 * vt_slack())

/**
 * struct sit - a child and the situation it is in; lives in the child
 * @u: its device
 * @maps: its mappings of the device, by region
 * @uffd: pages whose faults nobody answers
 * @mem: ordinary memory
 * @thread: who sleeps, if anyone
 * @result: what the sleeping call returned
 * @entered: the thread is about to call
 */
struct sit {
	struct vt_user u;
	volatile unsigned char *maps[VTEST_NR_REGIONS];
	struct vt_uffd uffd;
	char *mem;
	pthread_t thread;
	long result;
	volatile bool entered;
};

/* A check in the child: its line is the exit status. */
#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: not: %s (errno %d)\n", __func__,\
			       __LINE__, #cond, errno);			\
			fflush(stdout);					\
			return 1;					\
		}							\
	} while (0)

static int start_thread(struct sit *s, void *(*fn)(void *))
{
	CHECK(!pthread_create(&s->thread, NULL, fn, s));
	while (!s->entered)
		vt_sleep_ms(1);
	/* From "about to" to "in": it has nothing else to do. */
	vt_sleep_ms(50 * vt_slack());
	return 0;
}

static int setup_idle(struct sit *s)
{
	return 0;
}

/* 2. Maps every region and touches all of it. */
static int map_regions(struct sit *s)
{
	for (int i = 0; i < VTEST_REGION_SLEEP; i++) {
		void *p;

		if (i == VTEST_REGION_FILE)
			continue;
		p = mmap(NULL, VTEST_RAM_BYTES, PROT_READ | PROT_WRITE,
			 MAP_SHARED, s->u.device, VTEST_OFFSET(i));
		CHECK(p != MAP_FAILED);
		s->maps[i] = p;
	}
	return 0;
}

static void touch(struct sit *s)
{
	for (int i = 0; i < VTEST_NR_REGIONS; i++)
		for (int at = 0; s->maps[i] && at < VTEST_RAM_BYTES; at += PAGE)
			s->maps[i][at] = at / PAGE + 1;
}

static void *toucher(void *arg)
{
	struct sit *s = arg;

	s->entered = true;
	for (;;)
		touch(s);
	return NULL;
}

static int setup_mmap(struct sit *s)
{
	CHECK(!map_regions(s));
	touch(s);
	for (int at = 0; at < VTEST_RAM_BYTES; at += PAGE)
		CHECK(s->maps[VTEST_REGION_REMAP][at] == at / PAGE + 1);
	/* One mapping is never touched before the revocation. */
	munmap((void *)s->maps[VTEST_REGION_PFN], VTEST_RAM_BYTES);
	s->maps[VTEST_REGION_PFN] =
		mmap(NULL, VTEST_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		     s->u.device, VTEST_OFFSET(VTEST_REGION_PFN));
	CHECK(s->maps[VTEST_REGION_PFN] != MAP_FAILED);
	return 0;
}

/* A mapping reads all-ones everywhere. */
static int check_ones(volatile unsigned char *map, int region)
{
	for (int at = 0; at < VTEST_RAM_BYTES; at += 512) {
		if (map[at] != 0xff)
			printf("# region %d at %#x reads %#x\n", region, at,
			       map[at]);
		CHECK(map[at] == 0xff);
	}
	return 0;
}

static int after_mmap(struct sit *s)
{
	for (int i = 0; i < VTEST_NR_REGIONS; i++) {
		if (!s->maps[i])
			continue;
		CHECK(!check_ones(s->maps[i], i));
	}
	/* Then stores, which no other page reads back. */
	for (int i = 0; i < VTEST_NR_REGIONS; i++) {
		if (!s->maps[i])
			continue;
		s->maps[i][0] = 0;
		CHECK(s->maps[i][4096] == 0xff);
	}
	for (int i = 0; i < VTEST_NR_REGIONS; i++) {
		if (!s->maps[i])
			continue;
		s->maps[i][4096] = 1;
		CHECK(s->maps[i][0] == 0);
		CHECK(!munmap((void *)s->maps[i], VTEST_RAM_BYTES));
	}
	return 0;
}

static int setup_toucher(struct sit *s)
{
	CHECK(!map_regions(s));
	return start_thread(s, toucher);
}

/* Its thread goes on touching, and must live. */
static int after_toucher(struct sit *s)
{
	vt_sleep_ms(20);
	pthread_cancel(s->thread);
	return 0;
}

/* 3. Has pages pinned. */
static int setup_pinned(struct sit *s)
{
	size_t size = NR_PINS * PAGE;

	s->mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s->mem != MAP_FAILED);
	CHECK(!vt_map(s->u.container, s->mem, IOVA, size));
	CHECK(vt_pin(s->u.device, IOVA, NR_PINS, 3, NULL) == NR_PINS);
	return 0;
}

static int after_pinned(struct sit *s)
{
	/* The container is the user's own: its mapping is still there. */
	CHECK(vt_unmap(s->u.container, IOVA, NR_PINS * PAGE) ==
	      NR_PINS * PAGE || errno);
	CHECK(!munmap(s->mem, NR_PINS * PAGE));
	return 0;
}

/* 4. Sleeps in a read, an ioctl, a poll. */
static void *read_sleeper(void *arg)
{
	struct sit *s = arg;
	char byte;

	s->entered = true;
	s->result = pread(s->u.device, &byte, 1,
			  VTEST_OFFSET(VTEST_REGION_SLEEP));
	if (s->result < 0)
		s->result = -errno;
	return NULL;
}

static void *ioctl_sleeper(void *arg)
{
	struct sit *s = arg;

	s->entered = true;
	s->result = vt_ioctl(s->u.device, VTEST_SLEEP, 0);
	return NULL;
}

static void *plain_sleeper(void *arg)
{
	struct sit *s = arg;

	s->entered = true;
	s->result = vt_ioctl(s->u.device, VTEST_SLEEP_PLAIN, 0);
	return NULL;
}

static void *poll_sleeper(void *arg)
{
	struct sit *s = arg;
	struct pollfd pfd = { .fd = s->u.device };

	s->entered = true;
	/* No events asked for: only errors end it. */
	s->result = poll(&pfd, 1, 60000) == 1 ? pfd.revents : -ETIME;
	return NULL;
}

static int setup_read(struct sit *s)
{
	return start_thread(s, read_sleeper);
}

static int setup_ioctl(struct sit *s)
{
	return start_thread(s, ioctl_sleeper);
}

static int setup_plain(struct sit *s)
{
	return start_thread(s, plain_sleeper);
}

static int setup_poll(struct sit *s)
{
	return start_thread(s, poll_sleeper);
}

static int after_enodev(struct sit *s)
{
	pthread_join(s->thread, NULL);
	CHECK(s->result == -ENODEV);
	return 0;
}

static int after_poll(struct sit *s)
{
	pthread_join(s->thread, NULL);
	CHECK(s->result == (POLLERR | POLLHUP));
	return 0;
}

/* 5. Is stopped by a signal; main() of the child does it. */

/* 7. Is inside with a buffer that faults on an unanswered userfaultfd. */
static void *read_to_uffd(void *arg)
{
	struct sit *s = arg;

	s->entered = true;
	s->result = pread(s->u.device, s->uffd.mem, 64,
			  VTEST_OFFSET(VTEST_REGION_PFN));
	if (s->result < 0)
		s->result = -errno;
	return NULL;
}

static void *copy_to_uffd(void *arg)
{
	struct sit *s = arg;
	struct vtest_copy copy = {
		.argsz = sizeof(copy),
		.buf = (uintptr_t)s->uffd.mem,
		.len = 64,
	};

	s->entered = true;
	s->result = vt_ioctl(s->u.device, VTEST_COPY_OUT,
			     (unsigned long)&copy);
	return NULL;
}

static int setup_uffd_read(struct sit *s)
{
	CHECK(!vt_uffd_open(&s->uffd, NR_PINS * PAGE));
	return start_thread(s, read_to_uffd);
}

static int setup_uffd_ioctl(struct sit *s)
{
	CHECK(!vt_uffd_open(&s->uffd, NR_PINS * PAGE));
	return start_thread(s, copy_to_uffd);
}

/* The core was copying, outside the gate; the data is from before. */
static int after_uffd_read(struct sit *s)
{
	CHECK(vt_uffd_answer(&s->uffd) == 0);
	pthread_join(s->thread, NULL);
	CHECK(s->result == 64 || s->result == -ENODEV);
	vt_uffd_close(&s->uffd);
	return 0;
}

/* 8. Reads through vfio_dma_rw() on such a page. */
static int setup_uffd_mapped(struct sit *s)
{
	CHECK(!vt_uffd_open(&s->uffd, NR_PINS * PAGE));
	CHECK(!vt_map(s->u.container, s->uffd.mem, IOVA, s->uffd.size));
	return 0;
}

static int setup_kthread(struct sit *s)
{
	CHECK(!setup_uffd_mapped(s));
	CHECK(!vt_dma(s->u.device, IOVA, 64,
		      VTEST_DMA_KTHREAD | VTEST_DMA_ASYNC));
	vt_sleep_ms(50 * vt_slack());
	return 0;
}

static void *dma_waiter(void *arg)
{
	struct sit *s = arg;

	s->entered = true;
	s->result = vt_dma(s->u.device, IOVA, 64, VTEST_DMA_KTHREAD);
	return NULL;
}

static int setup_kthread_wait(struct sit *s)
{
	CHECK(!setup_uffd_mapped(s));
	return start_thread(s, dma_waiter);
}

static void *dma_reader(void *arg)
{
	struct sit *s = arg;

	s->entered = true;
	s->result = vt_dma(s->u.device, IOVA, 64, 0);
	return NULL;
}

static int setup_dma(struct sit *s)
{
	CHECK(!setup_uffd_mapped(s));
	return start_thread(s, dma_reader);
}

static void *pinner(void *arg)
{
	struct sit *s = arg;

	s->entered = true;
	s->result = vt_pin(s->u.device, IOVA, 4, 3, NULL);
	return NULL;
}

static int setup_pinning(struct sit *s)
{
	CHECK(!setup_uffd_mapped(s));
	return start_thread(s, pinner);
}

static int after_kthread(struct sit *s)
{
	vt_uffd_answer(&s->uffd);
	vt_uffd_close(&s->uffd);
	return 0;
}

static int after_dma(struct sit *s)
{
	/* The sleeper came back although nobody has answered yet. */
	pthread_join(s->thread, NULL);
	CHECK(s->result == -ENODEV);
	return after_kthread(s);
}

/* Keeps calling until it is told that there is no device. */
static void *caller(void *arg)
{
	struct vtest_stats stats = { .argsz = sizeof(stats) };
	struct sit *s = arg;
	char byte;

	s->entered = true;
	do {
		s->result = vt_ioctl(s->u.device, VTEST_STATS,
				     (unsigned long)&stats);
		if (pread(s->u.device, &byte, 1, 0) < 0)
			s->result = -errno;
	} while (!s->result);
	return NULL;
}

static int setup_caller(struct sit *s)
{
	return start_thread(s, caller);
}

/* What a revoked descriptor answers. */
static int check_dead(struct sit *s)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct pollfd pfd = { .fd = s->u.device, .events = POLLIN };
	int fd = s->u.device;
	char byte = 0;

	CHECK(vt_ioctl(fd, VFIO_DEVICE_GET_INFO, (unsigned long)&info) ==
	      -ENODEV);
	CHECK(vt_ioctl(fd, VTEST_WAKE, 0) == -ENODEV);
	CHECK(vt_ioctl(fd, VFIO_DEVICE_RESET, 0) == -ENODEV);
	CHECK(pread(fd, &byte, 1, 0) == -1 && errno == ENODEV);
	CHECK(pwrite(fd, &byte, 1, 0) == -1 && errno == ENODEV);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED &&
	      errno == ENODEV);
	CHECK(poll(&pfd, 1, 0) == 1);
	CHECK((pfd.revents & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP));
	CHECK(vt_ioctl(s->u.group, VFIO_GROUP_UNSET_CONTAINER, 0) == 0);
	CHECK(close(fd) == 0);
	CHECK(close(s->u.group) == 0);
	CHECK(close(s->u.container) == 0);
	return 0;
}

const struct vt_situation vt_situations[VT_NR_SITUATIONS] = {
	{ "idle", "own", setup_idle },
	{ "idle-bare", "bare", setup_idle },
	{ "mmap", "own", setup_mmap, after_mmap },
	{ "mmap-busy", "set", setup_toucher, after_toucher },
	{ "mmap-foreign", "foreign", setup_mmap, after_mmap },
	{ "pinned", "shared", setup_pinned, after_pinned },
	{ "read", "own", setup_read, after_enodev },
	{ "ioctl", "set", setup_ioctl, after_enodev },
	{ "poll", "own", setup_poll, after_poll },
	{ "ioctl-foreign", "foreign", setup_plain, NULL, false, true },
	{ "stopped", "own", setup_mmap, after_mmap, true },
	{ "uffd-read", "own", setup_uffd_read, after_uffd_read },
	{ "uffd-read-foreign", "foreign", setup_uffd_read, NULL, false, true },
	{ "uffd-ioctl", "own", setup_uffd_ioctl, NULL, false, true },
	{ "dma-kthread", "own", setup_kthread, after_kthread },
	{ "dma-kthread-wait", "own", setup_kthread_wait, after_dma },
	{ "dma-process", "own", setup_dma, after_dma },
	{ "pinning", "own", setup_pinning, after_dma },
	{ "caller", "own", setup_caller, after_enodev },
};

static int child_main(const struct vt_situation *what, const char *uuid,
		      int ready, int go)
{
	struct sit s = {};
	char byte = 'r';
	int ret;

	ret = vt_open(&s.u, -1, uuid);
	if (ret) {
		errno = -ret;
		CHECK(!"open");
	}
	CHECK(!what->setup(&s));
	CHECK(write(ready, &byte, 1) == 1);
	if (what->stop)
		raise(SIGSTOP);
	CHECK(read(go, &byte, 1) == 1);
	if (what->after && what->after(&s))
		return 1;
	if (!strcmp(what->type, "bare")) {
		vt_close(&s.u);
		return 0;
	}
	return check_dead(&s);
}

int vt_child_start(struct vt_child *c, const struct vt_situation *what,
		   const char *parent)
{
	int ready[2], go[2], ret;

	c->what = what;
	vt_make_uuid(c->uuid);
	ret = vt_create(parent, what->type, c->uuid);
	if (ret)
		return ret;
	if (pipe2(ready, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		return -errno;
	c->pid = fork();
	if (c->pid < 0)
		return -errno;
	if (!c->pid) {
		close(ready[0]);
		close(go[1]);
		_exit(child_main(what, c->uuid, ready[1], go[0]));
	}
	close(ready[1]);
	close(go[0]);
	c->ready = ready[0];
	c->go = go[1];
	return 0;
}

int vt_child_wait_ready(struct vt_child *c)
{
	struct pollfd pfd = { .fd = c->ready, .events = POLLIN };
	char byte;

	if (poll(&pfd, 1, READY_MS) != 1 || read(c->ready, &byte, 1) != 1)
		return -ETIME;
	return 0;
}

/* Let the child check, and see how it ends. */
int vt_child_finish(struct vt_child *c)
{
	long long end = vt_now_ms() + READY_MS;
	int status;

	if (write(c->go, "g", 1) != 1 && !c->what->killed)
		return -errno;
	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		/* Again and again: it may be about to stop only now. */
		kill(c->pid, SIGCONT);
		if (vt_now_ms() > end) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, &status, 0);
			return -ETIME;
		}
		vt_sleep_ms(2);
	}
	close(c->ready);
	close(c->go);
	if (c->what->killed)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ?
		       0 : -ECHILD;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}
